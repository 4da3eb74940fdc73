import { createHash } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { chmod, chown, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Longest name that the kernel takes for a unix socket (sun_path of unix(7), less the final NUL). */
const MAX_PATH_BYTES = 107;
/** Leaves space for `/proc/self/fd/<number>/`. */
const MAX_NAME_BYTES = 80;

/**
 * Where the daemon on this database listens: beside it, never in a folder that is shared with other users, or that a service has
 * for itself (PrivateTmp).
 */
export function controlSocket(database: string): string {
  const name = `${basename(database)}.sock`;
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return join(dirname(database), name);
  const hash = createHash('sha256').update(basename(database)).digest('hex').slice(0, 16);
  return join(dirname(database), `filesync-${hash}.sock`);
}

/** A path of the socket that the kernel takes, however long its own is, until it is closed. */
export interface SocketAddress {
  readonly path: string;
  close(): void;
}

/** A long path is shortened through its open folder. Throws the system's error if there is no such folder. */
export function addressOf(socket: string): SocketAddress {
  if (Buffer.byteLength(socket) <= MAX_PATH_BYTES) return { path: socket, close: () => undefined };
  const folder = openSync(dirname(socket), constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${folder}/${basename(socket)}`, close: () => closeSync(folder) };
}

/** The line of the group whose members may use the service's socket, group(5). */
const GROUP = /^filesync:[^:]*:(\d+):/m;

/** Opens the socket to that group, if it exists and this process belongs to it (chown(2) refuses otherwise). */
export async function openToGroup(path: string): Promise<void> {
  const group = (await readFile('/etc/group', 'utf8').catch(() => '')).match(GROUP);
  if (!group) return;
  try {
    await chown(path, (await stat(path)).uid, Number(group[1]));
  } catch {
    return;
  }
  await chmod(path, 0o660);
}
