import { editCommand } from './api.js';

export const forget = editCommand({
  verb: 'forgotten',
  edit: (api, which) => api.forget(which),
});
