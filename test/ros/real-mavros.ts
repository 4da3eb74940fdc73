import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Ros, RosProgram } from './real.js';

/** UDP ports of this machine. */
export interface MavrosPorts {
  /** Where MAVROS listens. */
  readonly station: number;
  readonly vehicle: number;
}

/** Looked up where ROS's own tools look, without asking one of them: a tool that fails is no proof that MAVROS is missing. */
export function hasMavros({ env }: Ros): boolean {
  const prefixes = (env['AMENT_PREFIX_PATH'] ?? '').split(':').filter(Boolean);
  return prefixes.some(prefix =>
    existsSync(join(prefix, 'share/ament_index/resource_index/packages/mavros')),
  );
}

/** For a hook or a test: it is skipped, with the reason, where ROS is installed without MAVROS; for no other reason. */
export function requireMavros(context: Mocha.Context, ros: Ros): void {
  if (hasMavros(ros)) return;
  console.log(`    skipped: ROS 2 ${ros.env['ROS_DISTRO']} is here without the package mavros`);
  context.skip();
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
