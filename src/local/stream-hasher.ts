import { newDigest, type Digest } from './digest.js';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type { ByteStream, Checksum, ChecksumAlgorithm, FileRecord, Source } from '../ports.js';
import { chunkFrom, compare, sourceChecksum } from './verification.js';

/** A new checkpoint is made after that many bytes; only the latest ones are kept. */
const CHECKPOINT_BYTES = 1024 * 1024;
const MAX_CHECKPOINTS = 32;

type OpenDigests = Readonly<Partial<Record<ChecksumAlgorithm, Digest>>>;

/** The digests of all bytes up to an offset. */
interface HashCheckpoint {
  readonly offset: number;
  readonly digests: OpenDigests;
}

const NOTHING: HashCheckpoint = { offset: 0, digests: {} };

/** The hashes of a file, known when all its bytes have passed. */
export type Proof = Required<Pick<FileRecord, 'sha256'>> & Pick<FileRecord, 'proof'>;

/**
 * Hashes a file on its way from its source to one target, over all attempts of this process. Every byte is hashed, from the first
 * on: an attempt that resumes reads from the latest checkpoint before its offset. A new process has no checkpoints and reads the
 * beginning from the source again. The target's checksum cannot replace this: it exists only for finished files, and seldom in
 * the source's algorithm.
 */
export class StreamHasher {
  /** The source's error in this attempt, if it failed. */
  failure: FileSyncError | undefined;
  #record: FileRecord;
  readonly #restart: boolean;
  #expected: Checksum | undefined;
  #checkpoints: HashCheckpoint[] = [];
  /** Bytes of the file, from the first on, that this process has passed to the target. */
  #passed = 0;
  /** The digests of the bytes that were passed, as far as an attempt has come. */
  #reached: HashCheckpoint | undefined;
  #whole: Proof | undefined;

  /** `restart`: a partial upload is not resumed. */
  constructor(record: FileRecord, restart: boolean) {
    this.#record = record;
    this.#restart = restart;
  }

  /** Hex, once all bytes have passed. */
  get sha256(): string | undefined {
    return this.#whole?.sha256;
  }

  /**
   * Begins an attempt; asks the source once for its checksum. If the file has got another time since the last attempt, nothing
   * is known of the bytes that have passed.
   */
  async begin(record: FileRecord, source: Source, signal: AbortSignal): Promise<void> {
    this.failure = undefined;
    if (record.modified !== this.#record.modified) {
      [this.#checkpoints, this.#passed] = [[], 0];
      this.#reached = this.#whole = undefined;
      this.#record = record;
    }
    if (this.#checkpoints.length > 0) return;
    this.#expected = await this.#recordingFailure(sourceChecksum(this.#record, source, signal));
    const algorithms = new Set<ChecksumAlgorithm>(['sha256', this.#expected?.algorithm ?? 'sha256']);
    const digests = Object.fromEntries([...algorithms].map(name => [name, newDigest(name)]));
    this.#checkpoints = [{ offset: 0, digests }];
  }

  /** The offset from which to resume at a target that has `partial` bytes. */
  startAt(partial: number): number {
    return partial > this.#record.size || (this.#restart && this.#passed === 0) ? 0 : partial;
  }

  /** Whether an earlier process has sent some of the bytes up to `offset`. */
  unproven(offset: number): boolean {
    return offset > this.#passed;
  }

  /** The bytes from `offset` on. An error of the source is kept in `failure`. */
  async *open(source: Source, offset: number, signal: AbortSignal): ByteStream {
    const checkpoint = this.#checkpointFor(source.capabilities.resume ? offset : 0);
    const digests = copyOf(checkpoint.digests);
    let position = checkpoint.offset;
    if (offset === 0) this.#reached = undefined;
    const passed = this.#reached;
    try {
      for await (const chunk of source.read(this.#record, position, signal)) {
        digest(chunk, position, digests, passed);
        const rest = chunkFrom(offset, chunk, position);
        position += chunk.length;
        if (position >= (passed?.offset ?? 0)) this.#reached = { offset: position, digests };
        this.#remember(position, digests);
        if (rest.length > 0) yield this.#pass(rest, position);
      }
    } catch (error) {
      throw this.#recordFailure(error);
    }
    this.#finish(position, digests);
  }

  /**
   * The hash of the whole file, compared with the source's checksum if it has one; bytes that have not passed yet are read. Throws
   * `corrupt` if the bytes that have passed are not those of the source.
   */
  async prove(source: Source, signal: AbortSignal): Promise<Proof> {
    const rest = this.#whole ? [] : this.open(source, this.#record.size, signal);
    for await (const _chunk of rest);
    if (this.#whole) return this.#whole;
    throw new FileSyncError('internal', `${this.#record.path} has passed without a hash`);
  }

  #pass(chunk: Uint8Array, end: number): Uint8Array {
    const begin = end - chunk.length;
    if (begin <= this.#passed) this.#passed = Math.max(this.#passed, end);
    return chunk;
  }

  #checkpointFor(offset: number): HashCheckpoint {
    const checkpoint = this.#checkpoints.findLast(one => one.offset <= offset);
    if (checkpoint) return checkpoint;
    throw new FileSyncError('internal', `${this.#record.path} was opened before it was begun`);
  }

  /** The first one, of no bytes, always stays. */
  #remember(offset: number, digests: OpenDigests): void {
    const last = this.#checkpoints.at(-1);
    if (last && offset - last.offset < CHECKPOINT_BYTES) return;
    this.#checkpoints.push({ offset, digests: copyOf(digests) });
    if (this.#checkpoints.length > MAX_CHECKPOINTS) this.#checkpoints.splice(1, 1);
  }

  #finish(position: number, { sha256, ...others }: OpenDigests): void {
    const { path, size } = this.#record;
    if (position !== size)
      throw this.#recordFailure(
        new FileSyncError('changed', `the source returned ${position} of ${size} bytes`, { path }),
      );
    const actual = { sha256: sha256?.hex() ?? '', ...hexOf(others) };
    try {
      compare(actual, this.#expected);
    } catch (error) {
      throw this.#recordFailure(error);
    }
    this.#whole = { sha256: actual.sha256, ...(this.#expected && { proof: this.#expected }) };
  }

  async #recordingFailure<Value>(work: Promise<Value>): Promise<Value> {
    try {
      return await work;
    } catch (error) {
      throw this.#recordFailure(error);
    }
  }

  #recordFailure(thrown: unknown): FileSyncError {
    const error = toFileSyncError(thrown);
    error.origin ??= 'source';
    if (error.kind !== 'cancelled') this.failure = error;
    return error;
  }
}

/** Throws `corrupt` if the bytes that are read again are not those that an earlier attempt has passed. */
function digest(chunk: Uint8Array, at: number, digests: OpenDigests, passed: HashCheckpoint = NOTHING): void {
  const again = chunk.subarray(0, Math.max(0, passed.offset - at));
  update(digests, again);
  const isSame = () => digests.sha256?.hex() === passed.digests.sha256?.hex();
  if (at < passed.offset && at + again.length === passed.offset && !isSame())
    throw new FileSyncError(
      'corrupt',
      `the source returned other bytes than before, up to byte ${passed.offset}`,
    );
  update(digests, chunk.subarray(again.length));
}

function update(digests: OpenDigests, bytes: Uint8Array): void {
  for (const one of Object.values(digests)) one.update(bytes);
}

const copyOf = (digests: OpenDigests): OpenDigests => mapped(digests, digest => digest.copy());
const hexOf = (digests: OpenDigests) => mapped(digests, digest => digest.hex());

function mapped<Result>(digests: OpenDigests, change: (digest: Digest) => Result) {
  const entries = Object.entries(digests).map(([name, digest]) => [name, change(digest)] as const);
  return Object.fromEntries(entries) as Partial<Record<ChecksumAlgorithm, Result>>;
}
