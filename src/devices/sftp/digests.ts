import { createHash } from 'node:crypto';
import type { SftpPool } from './connections.js';
import { readInOrder } from './transfer.js';
import { openFlags, type SftpSession } from './session.js';

/** SHA-256 of nothing. */
const EMPTY = createHash('sha256').digest('hex');

/** Quotes, and what some shells take for special even between quotes; each other character is plain in all of them. */
const UNSAFE = /['\\!\p{Cc}\p{Cs}]/u;

/**
 * SHA-256 as the server's shell computes it (`sha256sum`, where the user has a shell); undefined where it cannot. The path never
 * reaches a shell that would find more than a name in it.
 */
export async function digestOf(
  session: SftpSession,
  pool: SftpPool,
  path: string,
): Promise<string | undefined> {
  if (UNSAFE.test(path) || !(await canHash(session, pool))) return undefined;
  return hashIn(await session.run(`sha256sum < '${path}'`));
}

/** Asks the server once, with nothing as the input. */
export async function canHash(session: SftpSession, pool: SftpPool): Promise<boolean> {
  return (pool.hashes ??= hashIn(await session.run('sha256sum < /dev/null')) === EMPTY);
}

const hashIn = (printed: string | undefined): string | undefined =>
  /^([0-9a-f]{64})\b/.exec(printed ?? '')?.[1];

/** Reads the file back. */
export async function readDigest(session: SftpSession, path: string): Promise<string> {
  const hash = createHash('sha256');
  const handle = await session.openFile(path, openFlags.read);
  for await (const chunk of readInOrder(session, handle, 0, Number.MAX_SAFE_INTEGER)) hash.update(chunk);
  await session.closeFile(handle);
  return hash.digest('hex');
}
