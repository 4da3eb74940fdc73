import { reportEdit, withAdmin } from './admin.js';
import { common, defineCommand } from './command.js';

export const forget = defineCommand({
  usage: 'forget <id..>',
  summary: 'delete records from the database (files stay; what is still on a source is found anew)',
  options: { config: common.config, json: common.json },
  build: yargs =>
    yargs.positional('id', { type: 'string', array: true, describe: 'ids, or unique beginnings of them' }),
  async run(args, shell) {
    const result = await withAdmin(shell, args.config, admin => admin.forget(args['id'] as string[]));
    return reportEdit(shell, args.json, 'forgotten', result);
  },
});
