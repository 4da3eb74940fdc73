import { createHash } from 'node:crypto';
import { chmod, chown, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Longest name that the kernel takes for a unix socket (sun_path of unix(7), less the final NUL). */
const MAX_PATH_BYTES = 107;

/** Where the daemon on this database listens: beside it, or in the temporary folder where that name would be too long. */
export function controlSocket(database: string): string {
  const beside = `${database}.sock`;
  if (Buffer.byteLength(beside) <= MAX_PATH_BYTES) return beside;
  return join(tmpdir(), `filesync-${createHash('sha256').update(database).digest('hex').slice(0, 16)}.sock`);
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
