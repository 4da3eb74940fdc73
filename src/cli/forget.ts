import { editCommand } from './admin.js';

export const forget = editCommand({
  verb: 'forgotten',
  edit: (admin, ids) => admin.forget(ids),
});
