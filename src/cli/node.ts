import { compose } from '../compose.js';
import { serveControl } from '../control/server.js';
import { controlSocket } from '../control/socket.js';
import { StoreAdmin } from '../control/store-admin.js';
import { deviceTypes } from '../devices/registry.js';
import { daemonPolicy } from '../pipeline/retry-policy.js';
import { splitArguments } from '../ros/arguments.js';
import { withMavros } from '../ros/mavros.js';
import { declareConfig, exposeEngine } from '../ros/node.js';
import { RclnodejsGraph } from '../ros/rclnodejs-graph.js';
import type { Graph } from '../ros/graph.js';
import { common, defineCommand } from './command.js';
import { configFor } from './setup.js';
import { ExitCode, untilStopped, type Shell } from './shell.js';

export const node = defineCommand({
  usage: 'node',
  summary: 'the ROS 2 node; takes --ros-args',
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
  const { logger } = graph;
  const types = withMavros(deviceTypes, graph, { clock: shell.clock });
  const config = await configFor(shell, declareConfig(graph) ?? explicit, types);
  const { engine, store } = await compose(config, { ...shell, logger }, daemonPolicy);
  const admin = new StoreAdmin(store, shell.clock, engine.devices);
  const control = await serveControl(controlSocket(config.database), admin);
  const exposed = exposeEngine({ ...shell, graph, engine, store, admin, interval: config.interval });
  logger.log('info', `working with ${config.file}`);
  await engine.start();
  await untilStopped(shell.stopped);
  logger.log('info', 'stopping');
  await control.close();
  await engine.stop();
  exposed.close();
}
