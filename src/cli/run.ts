import { compose } from '../compose.js';
import { serveControl } from '../control/server.js';
import { controlSocket } from '../control/socket.js';
import { StoreAdmin } from '../control/store-admin.js';
import { daemonPolicy } from '../pipeline/retry-policy.js';
import { common, defineCommand } from './command.js';
import { configFor, loggerFor, misconfiguration } from './setup.js';
import { signalExitCode, untilStopped } from './shell.js';

export const run = defineCommand({
  usage: 'run',
  summary: 'the daemon, without a ROS graph: finds, fetches and delivers until it is stopped',
  options: { config: common.config, 'log-level': common.logLevel },
  async run(args, shell) {
    const logger = loggerFor(shell, args.logLevel);
    const config = await configFor(shell, args.config);
    const { engine, store } = await compose(config, { ...shell, logger }, daemonPolicy);
    const admin = new StoreAdmin(store, shell.clock, engine.devices);
    const control = await serveControl(controlSocket(config.database), admin);
    logger.log('info', `working with ${config.file}`);
    try {
      await engine.start();
      await Promise.race([untilStopped(shell.stopped), misconfiguration(engine.devices)]);
      logger.log('info', 'stopping');
    } finally {
      await control.close();
      await engine.stop();
    }
    return signalExitCode(shell.stopped);
  },
});
