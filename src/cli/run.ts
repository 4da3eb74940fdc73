import { compose } from '../compose.js';
import { DatabaseApi } from '../api/database-api.js';
import { daemonPolicy } from '../system/back-off.js';
import { common, defineCommand, logging } from './command.js';
import { whenDatabaseIsFree, workUntilStopped } from './daemon.js';
import { FleetPart } from './fleet-part.js';
import { Observed } from './live-parts.js';
import { notifierOf } from './notifying.js';
import { Reloader } from './reload.js';
import { Grouping } from '../units/grouping.js';
import { assertServicePlaces } from './service-places.js';
import { configFor, loggerFor } from './setup.js';
import { signalExitCode } from './shell.js';
import { WebPage } from './web-page.js';

export const run = defineCommand({
  endsCleanly: true,
  options: { config: common.config, ...logging },
  async run(args, shell) {
    const observed = new Observed(shell.clock);
    const logger = loggerFor(shell, args.logLevel, observed.log);
    const config = await configFor(shell, args.config);
    await assertServicePlaces(config, shell.env);
    const { measures, mask } = observed;
    const services = { ...shell, logger, measures, mask };
    const page = new WebPage(services);
    await page.assertUsable(config, 'start');
    const reloader = new Reloader({ ...services, load: () => configFor(shell, config.file) });
    shell.onReload(() => void reloader.request());
    const composed = await whenDatabaseIsFree(() => compose(config, services, daemonPolicy), services);
    const { engine, planner } = composed;
    const { records } = engine;
    const fleet = new FleetPart(services, composed, config);
    const live = { ...observed.partsOf(composed), fleet };
    page.metrics = live.metrics;
    const api = new DatabaseApi({
      ...{ records, clock: shell.clock, hostname: shell.hostname, local: config.local, daemon: engine },
      ...{ configuration: reloader.state, grouping: new Grouping(planner), page, live },
    });
    const notifier = notifierOf(composed, config, services);
    reloader.prepare(composed, config, { notifier, page, fleet });
    await workUntilStopped({ ...shell, engine, config, api, logger, reloader, notifier, page, fleet });
    return signalExitCode(shell.stopped);
  },
});
