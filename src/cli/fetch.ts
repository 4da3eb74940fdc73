import { editCommand } from './admin.js';

export const fetchFiles = editCommand({
  usage: 'fetch <id..>',
  summary: 'fetch and deliver files that the rules only list (SKIPPED)',
  verb: 'will be fetched',
  edit: (admin, ids) => admin.fetch(ids),
});
