import { createHash } from 'node:crypto';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type {
  ByteStream,
  Checksum,
  ChecksumAlgorithm,
  FileRecord,
  Source,
  SourceFile,
  Target,
} from '../ports.js';
import type { LocalStorage } from './storage.js';

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

/** Bytes that are compared where the source can compute no checksum. */
const SAMPLE_BYTES = 4096;

/**
 * Whether `file`, which lies on the source now, has the bytes that were fetched for `record`: by the source's checksum, else by
 * their beginning, where a local copy is left; true where nothing says otherwise.
 */
export async function holdsSameBytes(
  record: FileRecord,
  file: SourceFile,
  source: Source,
  local: LocalStorage,
  signal: AbortSignal,
): Promise<boolean> {
  const expected = knownChecksum(record, source);
  try {
    if (expected) return (await source.checksum(file, signal)).value === expected;
    if (record.copy.state !== 'whole') return true;
    const [ours, theirs] = [local.open(record.local, 0), source.read(file, 0, signal)];
    return (await beginning(ours)).equals(await beginning(theirs));
  } catch (error) {
    const { kind } = toFileSyncError(error);
    if (kind === 'cancelled') throw error;
    return kind !== 'not-found' && kind !== 'changed';
  }
}

/** What the source would have to answer if it still held the bytes that were fetched; undefined if it cannot be asked. */
export function knownChecksum({ proof, sha256 }: FileRecord, { capabilities }: Source): string | undefined {
  if (proof && proof.algorithm === capabilities.checksum) return proof.value;
  return capabilities.checksum === 'sha256' ? sha256 : undefined;
}

async function beginning(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= SAMPLE_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, SAMPLE_BYTES);
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
    `what arrived is not what the source holds (${found}); fetching it again`,
  );
}

/** What the source may say of the bytes; what it can compute may be known only when it has been met. */
export function digestsFor({ checksum }: FileRecord, { capabilities }: Source): readonly ChecksumAlgorithm[] {
  if (checksum) return [checksum.algorithm];
  return capabilities.checksumRereads ? [] : ['crc32-mavlink', capabilities.checksum || 'crc32-mavlink'];
}

/** Whether the target's file has that hash; true where there is none to compare. */
export async function holds(
  target: Target,
  path: string,
  hash: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  return hash === undefined || (await target.checksum(path, signal)).value === hash;
}
