import { FileSyncError } from '../errors.js';
import type { ListedFile } from '../api/admin.js';
import type { FileState } from '../ports.js';
import { parseState, stateName } from '../record/state.js';
import { formatSize } from '../system/size.js';
import { withAdmin } from './admin.js';
import { common, defineCommand } from './command.js';
import { plain, table } from './print.js';
import { ExitCode } from './shell.js';

export const files = defineCommand({
  options: {
    config: common.config,
    json: common.json,
    state: { type: 'string', requiresArg: true, describe: 'only this state, by name or number' },
    device: { type: 'string', requiresArg: true, describe: 'only this source' },
    all: { type: 'boolean', default: false, describe: 'with the archive: files delivered and gone long ago' },
  },
  async run(args, shell) {
    const { device } = args;
    const state = wantedState(args.state);
    const filter = {
      ...(args.all && { all: true }),
      ...(state !== undefined && { state }),
      ...(device !== undefined && { device }),
    };
    const records = await withAdmin(shell, args.config, admin => admin.files(filter));
    if (args.json) shell.print(JSON.stringify(records));
    else for (const line of table([HEADING, ...records.map(row)])) shell.print(line);
    return ExitCode.DONE;
  },
});

const HEADING = ['ID', 'STATE', 'SIZE', 'DEVICE', 'PATH', 'REASON'];

function row(file: ListedFile): string[] {
  const { id, state, size, device, path, waits = '', reason = waits } = file;
  return [id, stateName(state), formatSize(size), device, plain(path), plain(reason)];
}

function wantedState(text: string | undefined): FileState | undefined {
  const state = text === undefined ? undefined : parseState(text);
  if (text !== undefined && state === undefined)
    throw new FileSyncError('config', `no state is called ${text}`);
  return state;
}
