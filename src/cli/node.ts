import { compose } from '../compose.js';
import type { Config } from '../config/config.js';
import { StoreAdmin } from '../control/store-admin.js';
import { deviceTypes } from '../devices/registry.js';
import type { Engine } from '../engine/engine.js';
import { daemonPolicy } from '../system/back-off.js';
import { splitArguments } from '../ros/arguments.js';
import { withMavros } from '../ros/mavros/device.js';
import { declareConfig, exposeEngine } from '../ros/node.js';
import { RclnodejsGraph } from '../ros/rclnodejs-graph.js';
import type { Graph } from '../ros/graph.js';
import { common, defineCommand } from './command.js';
import { workUntilStopped } from './daemon.js';
import { configFor } from './setup.js';
import { ExitCode, type Shell } from './shell.js';

export const node = defineCommand({
  endsCleanly: true,
  options: { config: common.config },
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
  const engine = await compose(config, { ...shell, logger: graph.logger }, daemonPolicy);
  try {
    await serve(graph, shell, config, engine);
  } finally {
    await engine.stop();
  }
}

async function serve(graph: Graph, shell: Shell, config: Config, engine: Engine): Promise<void> {
  const { logger } = graph;
  const admin = new StoreAdmin(engine.records, engine);
  const exposed = exposeEngine({ ...shell, engine, graph, admin, interval: config.interval });
  try {
    await workUntilStopped({ ...shell, engine, config, admin, logger });
  } finally {
    exposed.close();
  }
}
