import { editCommand } from './api.js';

export const fetchFiles = editCommand({
  verb: 'will be fetched',
  edit: (api, which) => api.fetch(which),
});
