import { editCommand } from './admin.js';

export const fetchFiles = editCommand({
  verb: 'will be fetched',
  edit: (admin, ids) => admin.fetch(ids),
});
