import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Ros, RosProgram } from './real.js';

/** UDP ports of this machine. */
export interface MavrosPorts {
  /** Where MAVROS listens. */
  readonly station: number;
  readonly vehicle: number;
}

export async function hasMavros(ros: Ros): Promise<boolean> {
  return ros.ros2('pkg', 'prefix', 'mavros').then(
    () => true,
    () => false,
  );
}

/** The real one, with the plugins that file transfer needs. */
export function startMavros(ros: Ros, { station, vehicle }: MavrosPorts): RosProgram {
  const only = ['-p', "plugin_denylist:=['*']", '-p', "plugin_allowlist:=['sys_status','ftp']"];
  const url = `fcu_url:=udp://127.0.0.1:${station}@127.0.0.1:${vehicle}`;
  const args = ['run', 'mavros', 'mavros_node', '--ros-args', '-r', '__ns:=/mavros', '-p', url, ...only];
  return ros.start('ros2', args);
}

export async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** The stand-in as a process of its own, on a folder in place of a vehicle. */
export async function startStandIn(ros: Ros, folder: string): Promise<RosProgram> {
  const child = fileURLToPath(new URL('stand-in-child.ts', import.meta.url));
  const standIn = ros.start(process.execPath, ['--import=tsx', child, folder]);
  await standIn.says(/^ready$/m);
  return standIn;
}
