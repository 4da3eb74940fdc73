import type { LiveParts } from '../api/live.js';
import { compose } from '../compose.js';
import type { Config } from '../config/config.js';
import { DatabaseApi } from '../api/database-api.js';
import { deviceTypes } from '../devices/registry.js';
import type { Engine } from '../engine/engine.js';
import type { Notifier } from '../notify/notifier.js';
import { Grouping } from '../units/grouping.js';
import { daemonPolicy } from '../system/back-off.js';
import { splitArguments } from '../ros/arguments.js';
import { withMavros } from '../ros/mavros/device.js';
import { declareConfig, exposeEngine } from '../ros/node.js';
import { RclnodejsGraph } from '../ros/rclnodejs-graph.js';
import type { Graph } from '../ros/graph.js';
import type { Logger } from '../ports.js';
import { ringed } from '../system/log-ring.js';
import { limitRepeats } from '../system/repeat-limiter.js';
import { common, defineCommand } from './command.js';
import { workUntilStopped } from './daemon.js';
import { FleetPart } from './fleet-part.js';
import { Observed } from './live-parts.js';
import { notifierOf } from './notifying.js';
import { Reloader } from './reload.js';
import { configFor } from './setup.js';
import { ExitCode, type Shell } from './shell.js';
import { WebPage } from './web-page.js';

export const node = defineCommand({
  endsCleanly: true,
  options: { config: common.config, 'log-format': common.logFormat },
  async run(args, shell) {
    const rosArguments = splitArguments(shell.argv).ros;
    const graph = await RclnodejsGraph.join({ ...shell, name: 'filesync', rosArguments });
    try {
      await work(graph, shell, args.config);
    } finally {
      await graph.shutdown();
    }
    return ExitCode.DONE;
  },
});

async function work(graph: Graph, shell: Shell, explicit: string | undefined): Promise<void> {
  const types = withMavros(deviceTypes, graph, { clock: shell.clock });
  const config = await configFor(shell, declareConfig(graph) ?? explicit, types);
  const observed = new Observed(shell.clock);
  const logger = limitRepeats(ringed(graph.logger, observed.log), shell.clock);
  const { measures, mask } = observed;
  const services = { ...shell, logger, measures, mask };
  const page = new WebPage(services);
  await page.assertUsable(config, 'start');
  const reloader = new Reloader({ ...services, load: () => configFor(shell, config.file, types) });
  shell.onReload(() => void reloader.request());
  const composed = await compose(config, services, daemonPolicy);
  const { engine, planner } = composed;
  const notifier = notifierOf(composed, config, services);
  const fleet = new FleetPart(services, composed, config);
  reloader.prepare(composed, config, { notifier, page, fleet });
  const grouping = new Grouping(planner);
  const live = { ...observed.partsOf(composed), fleet };
  page.metrics = live.metrics;
  try {
    await serve({ graph, shell, config, engine, grouping, logger, reloader, notifier, page, fleet, live });
  } finally {
    await engine.stop();
  }
}

interface Parts {
  readonly graph: Graph;
  readonly shell: Shell;
  readonly config: Config;
  readonly engine: Engine;
  readonly grouping: Grouping;
  readonly logger: Logger;
  readonly reloader: Reloader;
  readonly notifier: Notifier;
  readonly page: WebPage;
  readonly fleet: FleetPart;
  readonly live: LiveParts;
}

async function serve(parts: Parts): Promise<void> {
  const { graph, shell, config, engine, grouping, logger, reloader, notifier, page, fleet, live } = parts;
  const { records } = engine;
  const api = new DatabaseApi({
    ...{ records, clock: shell.clock, hostname: shell.hostname, local: config.local, daemon: engine },
    ...{ configuration: reloader.state, grouping, page, live },
  });
  const exposed = exposeEngine({ ...shell, engine, graph, api, interval: config.interval });
  try {
    // The log of ROS is written around the lines of a terminal.
    const about = { engine, config, api, logger, reloader, notifier, page, fleet };
    await workUntilStopped({ ...shell, live: undefined, ...about });
  } finally {
    exposed.close();
  }
}
