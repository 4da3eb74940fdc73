import { compose } from '../compose.js';
import { RemoteApi } from '../api/client.js';
import { controlSocket } from '../api/socket.js';
import { FileSyncError } from '../errors.js';
import { passPolicy } from '../system/back-off.js';
import { fileView } from '../api/views.js';
import type { FileRecord } from '../ports.js';
import { common, defineCommand, logging } from './command.js';
import { plain } from './print.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode } from './shell.js';

export const adopt = defineCommand({
  options: { config: common.config, json: common.json, ...logging },
  async run(args, shell) {
    const config = await configFor(shell, args.config);
    if (await RemoteApi.connect(controlSocket(config.database)))
      throw new FileSyncError(
        'config',
        'a daemon uses this database: stop it, run adopt, then start it again',
      );
    const logger = loggerFor(shell, args.logLevel);
    const { engine } = await compose(config, { ...shell, logger }, passPolicy);
    try {
      const { adopted, left } = await engine.adopt(shell.stopped);
      const view = (record: FileRecord) => fileView(record, [], shell.clock);
      if (args.json) shell.print(JSON.stringify({ adopted: adopted.map(view), left: left.map(view) }));
      else {
        for (const { device, path } of adopted) shell.print(`${device}:${plain(path)}: adopted`);
        shell.print(`${adopted.length} adopted, ${left.length} still to be delivered`);
      }
      return ExitCode.DONE;
    } finally {
      await engine.stop();
    }
  },
});
