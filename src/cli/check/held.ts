import type { Config, DeviceConfig } from '../../config/config.js';
import { RemoteApi } from '../../api/client.js';
import type { Status } from '../../api/schema.js';
import { controlSocket } from '../../api/socket.js';
import { toFileSyncError } from '../../errors.js';
import { splitArguments } from '../../ros/arguments.js';
import { isMavros, mavrosDevice } from '../../ros/mavros/device.js';
import { RclnodejsGraph } from '../../ros/rclnodejs-graph.js';
import { isSourced } from '../../ros/rclnodejs.js';
import { report, type Shell } from '../shell.js';

/** The devices of a configuration, split by who may use them. */
export interface Reachable {
  /** With the devices that this command may use. */
  readonly config: Config;
  /** Those that the running daemon of this configuration holds: a link whose port it has, or a device under a lock. */
  readonly held: Status['devices'];
}

/**
 * For a command that uses devices beside a daemon: hands over those that the daemon does not hold. Where none runs and ROS is
 * sourced, it joins the ROS graph for those on MAVROS.
 */
export async function withReachableDevices<Value>(
  config: Config,
  shell: Shell,
  use: (reachable: Reachable) => Promise<Value>,
): Promise<Value> {
  const daemon = await daemonOf(config, shell);
  if (daemon) return use(await besides(daemon, config));
  const devices = [...config.devices.values()];
  if (!devices.some(({ type }) => isMavros(type)) || !isSourced(shell.env)) return use({ config, held: [] });
  const { ros: rosArguments } = splitArguments(shell.argv);
  const graph = await RclnodejsGraph.join({ ...shell, name: 'filesync_check', rosArguments });
  const type = mavrosDevice(graph, shell);
  const onGraph = devices.map(device => (isMavros(device.type) ? { ...device, type } : device));
  const byName = new Map(onGraph.map(device => [device.name, device]));
  return use({ config: { ...config, devices: byName }, held: [] }).finally(() => graph.shutdown());
}

/** A daemon that does not answer is reported, and holds what it holds. */
async function daemonOf({ database }: Config, shell: Shell): Promise<RemoteApi | undefined> {
  try {
    return await RemoteApi.connect(controlSocket(database));
  } catch (thrown) {
    const { message } = toFileSyncError(thrown);
    report(shell, 'warn', message);
    return undefined;
  }
}

async function besides(daemon: RemoteApi, config: Config): Promise<Reachable> {
  const { devices } = await daemon.status();
  const isHeld = ({ name }: Status['devices'][number]) => isExclusive(config.devices.get(name));
  const held = devices.filter(isHeld);
  const names = new Set(held.map(({ name }) => name));
  const others = new Map([...config.devices].filter(([name]) => !names.has(name)));
  return { config: { ...config, devices: others }, held };
}

/** Only one process may use it. */
const isExclusive = (device: DeviceConfig | undefined): boolean =>
  device !== undefined && (device.type.exclusive === true || device.lock !== undefined);
