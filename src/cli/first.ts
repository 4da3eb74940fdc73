import { editCommand } from './admin.js';

export const first = editCommand({
  verb: 'goes first',
  edit: (admin, ids) => admin.first(ids),
});
