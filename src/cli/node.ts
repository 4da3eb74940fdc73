import { compose } from '../compose.js';
import type { Config } from '../config/config.js';
import { DatabaseApi } from '../api/database-api.js';
import { deviceTypes } from '../devices/registry.js';
import type { Engine } from '../engine/engine.js';
import { daemonPolicy } from '../system/back-off.js';
import { splitArguments } from '../ros/arguments.js';
import { withMavros } from '../ros/mavros/device.js';
import { declareConfig, exposeEngine } from '../ros/node.js';
import { RclnodejsGraph } from '../ros/rclnodejs-graph.js';
import type { Graph } from '../ros/graph.js';
import type { Logger } from '../ports.js';
import { limitRepeats } from '../system/repeat-limiter.js';
import { common, defineCommand } from './command.js';
import { workUntilStopped } from './daemon.js';
import { Reloader } from './reload.js';
import { configFor } from './setup.js';
import { ExitCode, type Shell } from './shell.js';

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
  const logger = limitRepeats(graph.logger, shell.clock);
  const services = { ...shell, logger };
  const reloader = new Reloader({ ...services, load: () => configFor(shell, config.file, types) });
  shell.onReload(() => void reloader.request());
  const composed = await compose(config, services, daemonPolicy);
  const { engine } = composed;
  reloader.prepare(composed, config);
  try {
    await serve({ graph, shell, config, engine, logger, reloader });
  } finally {
    await engine.stop();
  }
}

interface Parts {
  readonly graph: Graph;
  readonly shell: Shell;
  readonly config: Config;
  readonly engine: Engine;
  readonly logger: Logger;
  readonly reloader: Reloader;
}

async function serve({ graph, shell, config, engine, logger, reloader }: Parts): Promise<void> {
  const { records } = engine;
  const api = new DatabaseApi({
    ...{ records, clock: shell.clock, local: config.local, daemon: engine },
    configuration: reloader.state,
  });
  const exposed = exposeEngine({ ...shell, engine, graph, api, interval: config.interval });
  try {
    // The log of ROS is written around the lines of a terminal.
    await workUntilStopped({ ...shell, live: undefined, engine, config, api, logger, reloader });
  } finally {
    exposed.close();
  }
}
