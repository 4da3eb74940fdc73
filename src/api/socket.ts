import { createHash } from 'node:crypto';
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
