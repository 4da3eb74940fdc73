import { editCommand } from './admin.js';

export const first = editCommand({
  usage: 'first <id..>',
  summary: 'move files to the front of their queues, the first one named first',
  verb: 'goes first',
  edit: (admin, ids) => admin.first(ids),
});
