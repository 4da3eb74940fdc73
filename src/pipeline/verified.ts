import { createHash } from 'node:crypto';
import { FileSyncError } from '../errors.js';
import type { ByteStream } from '../ports.js';

/** SHA-256 of a stream, hex. */
export async function hashOf(stream: ByteStream): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest('hex');
}

/**
 * The bytes of `whole` from `offset` on. Ends normally only if all of `whole` has the hash: a local copy that rotted or
 * was edited since its download is never delivered as the original. Throws `corrupt`.
 */
export async function* verified(whole: ByteStream, offset: number, sha256: string): ByteStream {
  const hash = createHash('sha256');
  let position = 0;
  for await (const chunk of whole) {
    hash.update(chunk);
    const skip = Math.max(0, offset - position);
    position += chunk.length;
    if (skip < chunk.length) yield skip === 0 ? chunk : chunk.subarray(skip);
  }
  if (hash.digest('hex') === sha256) return;
  throw new FileSyncError('corrupt', 'the local copy is no longer what was downloaded');
}
