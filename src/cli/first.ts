import { editCommand } from './api.js';

export const first = editCommand({
  verb: 'goes first',
  edit: (api, which) => api.first(which),
});
