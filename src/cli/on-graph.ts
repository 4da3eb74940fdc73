import type { Config } from '../config/config.js';
import { RemoteApi } from '../api/client.js';
import { controlSocket } from '../api/socket.js';
import type { Status } from '../api/schema.js';
import { splitArguments } from '../ros/arguments.js';
import { isMavros, mavrosDevice } from '../ros/mavros/device.js';
import { RclnodejsGraph } from '../ros/rclnodejs-graph.js';
import { isSourced } from '../ros/rclnodejs.js';
import type { Shell } from './shell.js';

/** The `mavros` devices of a configuration, split by who may use them. */
export interface OnGraph {
  /** With the devices that this command may use. */
  readonly config: Config;
  /** The `mavros` devices of the running node, the only one that may call MAVROS. */
  readonly running: Status['devices'];
}

/** For a command that probes devices: joins the ROS graph for those on MAVROS, where ROS is sourced and no node runs. */
export async function withMavrosDevices<Value>(
  config: Config,
  shell: Shell,
  use: (found: OnGraph) => Promise<Value>,
): Promise<Value> {
  const devices = [...config.devices.values()];
  if (!devices.some(({ type }) => isMavros(type))) return use({ config, running: [] });
  const daemon = await RemoteApi.connect(controlSocket(config.database));
  if (daemon) return use(await seenBy(daemon, config));
  if (!isSourced(shell.env)) return use({ config, running: [] });
  const { ros: rosArguments } = splitArguments(shell.argv);
  const graph = await RclnodejsGraph.join({ ...shell, name: 'filesync_check', rosArguments });
  const type = mavrosDevice(graph, shell);
  const onGraph = devices.map(device => (isMavros(device.type) ? { ...device, type } : device));
  const byName = new Map(onGraph.map(device => [device.name, device]));
  return use({ config: { ...config, devices: byName }, running: [] }).finally(() => graph.shutdown());
}

async function seenBy(daemon: RemoteApi, config: Config): Promise<OnGraph> {
  const { devices } = await daemon.status();
  const others = [...config.devices].filter(([, { type }]) => !isMavros(type));
  const running = devices.filter(({ name }) => config.devices.has(name) && !new Map(others).has(name));
  return { config: { ...config, devices: new Map(others) }, running };
}
