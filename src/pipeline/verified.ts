import { createHash } from 'node:crypto';
import { FileSyncError } from '../errors.js';
import type { ByteStream, Checksum, FileRecord, Source } from '../ports.js';

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

/** What the source says of the file's bytes: when it was found, or now; undefined if it cannot tell, or only by reading them again. */
export async function sourceChecksum(
  record: FileRecord,
  source: Source,
  signal: AbortSignal,
): Promise<Checksum | undefined> {
  const { checksum, checksumRereads = false } = source.capabilities;
  if (record.checksum || !checksum || checksumRereads) return record.checksum;
  return source.checksum(record, signal).catch((error: unknown) => {
    if (error instanceof FileSyncError && error.kind === 'unsupported') return undefined;
    throw error;
  });
}

/** Throws `corrupt` if what has arrived is something else than what the source holds, where that is known. */
export function compare(
  actual: Readonly<Partial<Record<string, string>>>,
  expected: Checksum | undefined,
): void {
  const ours = expected && actual[expected.algorithm];
  if (!ours || ours === expected.value) return;
  const found = `${expected.algorithm} ${ours}, the source says ${expected.value}`;
  throw new FileSyncError(
    'corrupt',
    `what arrived is not what the source holds (${found}); fetching it anew`,
  );
}
