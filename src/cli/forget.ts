import { editCommand } from './admin.js';

export const forget = editCommand({
  usage: 'forget <id..>',
  summary: 'delete records from the database (files stay; what is still on a source is found again)',
  verb: 'forgotten',
  edit: (admin, ids) => admin.forget(ids),
});
