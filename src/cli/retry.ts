import { FileSyncError } from '../errors.js';
import { editing, reportEdit } from './api.js';
import { common, defineCommand } from './command.js';

export const retry = defineCommand({
  options: {
    config: common.config,
    json: common.json,
    failed: { type: 'boolean', default: false, describe: 'all that are FAILED, on one target or on all' },
  },
  build: yargs =>
    yargs.positional('id', { type: 'string', array: true, describe: 'ids, or unique beginnings of them' }),
  async run(args, shell) {
    const ids = (args['id'] as string[] | undefined) ?? [];
    if (args.failed === ids.length > 0)
      throw new FileSyncError('config', 'name ids or --failed; `filesync files` lists ids');
    const which = args.failed ? ({ all: true } as const) : { ids };
    const result = await editing(shell, args.config, api => api.retry(which));
    return reportEdit(shell, args.json, 'will be tried again', result);
  },
});
