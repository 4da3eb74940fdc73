import { compose } from '../compose.js';
import { DatabaseApi } from '../api/database-api.js';
import { daemonPolicy } from '../system/back-off.js';
import { common, defineCommand, logging } from './command.js';
import { whenDatabaseIsFree, workUntilStopped } from './daemon.js';
import { Reloader } from './reload.js';
import { assertServicePlaces } from './service-places.js';
import { configFor, loggerFor } from './setup.js';
import { signalExitCode } from './shell.js';

export const run = defineCommand({
  endsCleanly: true,
  options: { config: common.config, ...logging },
  async run(args, shell) {
    const logger = loggerFor(shell, args.logLevel);
    const config = await configFor(shell, args.config);
    await assertServicePlaces(config, shell.env);
    const services = { ...shell, logger };
    const reloader = new Reloader({ ...services, load: () => configFor(shell, config.file) });
    shell.onReload(() => void reloader.request());
    const composed = await whenDatabaseIsFree(() => compose(config, services, daemonPolicy), services);
    const { engine } = composed;
    const { records } = engine;
    const api = new DatabaseApi({
      ...{ records, clock: shell.clock, local: config.local, daemon: engine },
      configuration: reloader.state,
    });
    reloader.prepare(composed, config);
    await workUntilStopped({ ...shell, engine, config, api, logger, reloader });
    return signalExitCode(shell.stopped);
  },
});
