import { FileSyncError, fromOrigin, toFileSyncError } from '../errors.js';
import type {
  ByteStream,
  Checksum,
  ChecksumAlgorithm,
  FileRecord,
  Source,
  SourceFile,
  Target,
} from '../ports.js';
import { newDigest } from './digest.js';
import type { LocalStorage } from './storage.js';

/**
 * The bytes of `whole` from `offset` on. Throws `corrupt` at the end unless all of `whole` has the hash: a local copy that has
 * changed since its download is never delivered as the original.
 */
export async function* verified(whole: ByteStream, offset: number, sha256: string): ByteStream {
  const digest = newDigest('sha256');
  let position = 0;
  for await (const chunk of whole) {
    digest.update(chunk);
    const rest = chunkFrom(offset, chunk, position);
    position += chunk.length;
    if (rest.length > 0) yield rest;
  }
  if (digest.hex() === sha256) return;
  throw new FileSyncError('corrupt', 'the local copy is no longer what was downloaded', { origin: 'local' });
}

/** The part of a chunk that lies at or behind `offset` of its stream, where the chunk begins at `position`. */
export function chunkFrom(offset: number, chunk: Uint8Array, position: number): Uint8Array {
  return offset > position ? chunk.subarray(offset - position) : chunk;
}

/** The source's checksum, from the listing or computed now; undefined if it has none, or only by reading the file again. */
export async function sourceChecksum(
  record: FileRecord,
  source: Source,
  signal: AbortSignal,
): Promise<Checksum | undefined> {
  const { checksum, checksumRereads = false } = source.capabilities;
  if (record.checksum || !checksum || checksumRereads) return record.checksum;
  return fromOrigin('source', source.checksum(record, signal)).catch((error: unknown) => {
    if (error instanceof FileSyncError && error.kind === 'unsupported') return undefined;
    throw error;
  });
}

/** The source's checksum of the file as it is now, in its own algorithm. */
export async function checksumOrGone(
  record: FileRecord,
  source: Source,
  signal: AbortSignal,
): Promise<Checksum | 'gone'> {
  return fromOrigin('source', source.checksum(record, signal)).catch((error: unknown) => {
    if (error instanceof FileSyncError && error.kind === 'not-found') return 'gone' as const;
    throw error;
  });
}

/** Bytes that are compared where the source has no checksum. */
const SAMPLE_BYTES = 4096;

/**
 * Whether `file`, which is on the source now, has the bytes that were fetched for `record`: by the source's checksum, else by the
 * beginning of a local copy; true where neither exists.
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

/** The checksum that the source must have for the bytes that were fetched; undefined if it cannot compute that. */
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

/** Throws `corrupt` if the bytes that arrived do not have the source's checksum, where that is known. */
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
    { origin: 'source' },
  );
}

/** The algorithms that the source may use; its capabilities may change when it is first reached. */
export function digestsFor({ checksum }: FileRecord, { capabilities }: Source): readonly ChecksumAlgorithm[] {
  if (checksum) return [checksum.algorithm];
  return capabilities.checksumRereads ? [] : ['crc32-mavlink', capabilities.checksum || 'crc32-mavlink'];
}

/** Whether the target's file has that hash; true if there is none to compare. */
export async function holds(
  target: Target,
  path: string,
  hash: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  return hash === undefined || (await fromOrigin('target', target.checksum(path, signal))).value === hash;
}
