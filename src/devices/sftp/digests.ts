import { createHash } from 'node:crypto';
import type { SftpPool } from './connections.js';
import { readInOrder } from './transfer.js';
import { openFlags, type SftpSession } from './session.js';

/** SHA-256 of nothing. */
const EMPTY = createHash('sha256').digest('hex');

/** Commands that print the SHA-256 of their input; OpenSSL, where it is, uses what the processor has for that. */
const HASHERS = ['openssl dgst -sha256 -r', 'sha256sum'];

/** Quotes, and what some shells take for special even between quotes; each other character is plain in all of them. */
const UNSAFE = /['\\!\p{Cc}\p{Cs}]/u;

/**
 * SHA-256 as the server's shell computes it (HASHERS, where the user has a shell); undefined where it cannot. The path never
 * reaches a shell that would find more than a name in it.
 */
export async function digestOf(
  session: SftpSession,
  pool: SftpPool,
  path: string,
): Promise<string | undefined> {
  if (UNSAFE.test(path) || !(await canHash(session, pool))) return undefined;
  return hashIn(await session.run(`${pool.hasher} < '${path}'`));
}

/** Asks the server once. */
export async function canHash(session: SftpSession, pool: SftpPool): Promise<boolean> {
  return (pool.hasher ??= await hasherOf(session)) !== false;
}

/** Tried with nothing as the input. */
async function hasherOf(session: SftpSession): Promise<string | false> {
  for (const command of HASHERS)
    if (hashIn(await session.run(`${command} < /dev/null`)) === EMPTY) return command;
  return false;
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
