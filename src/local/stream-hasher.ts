import { newDigest, type Digest } from './digest.js';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type { ByteStream, Checksum, ChecksumAlgorithm, FileRecord, Source } from '../ports.js';
import { chunkFrom, compare, sourceChecksum } from './verification.js';

/** Bytes between two checkpoints, and how many of the latest are kept: a target that is cut off loses less than that. */
const CHECKPOINT_BYTES = 1024 * 1024;
const MAX_CHECKPOINTS = 32;

type Digests = Readonly<Partial<Record<ChecksumAlgorithm, Digest>>>;

/** The digests of all bytes up to an offset. */
interface HashCheckpoint {
  readonly offset: number;
  readonly digests: Digests;
}

/** What is known of a file when all of it has passed. */
export type Proof = Required<Pick<FileRecord, 'sha256'>> & Pick<FileRecord, 'proof'>;

/**
 * A file's way from its source straight to one target, over all tries of this process. Every byte is hashed here, from
 * the first on: a try that goes on in mid-file begins at the latest checkpoint before it. A new process has none and
 * reads the beginning from the source once more. The target's own checksum would not do instead: it exists only
 * for finished files, and seldom in the source's algorithm.
 */
export class StreamHasher {
  /** Why the source failed in this try, if it did. */
  failure: FileSyncError | undefined;
  readonly #record: FileRecord;
  readonly #restart: boolean;
  #expected: Checksum | undefined;
  #checkpoints: HashCheckpoint[] = [];
  /** So many bytes of the file, from the first on, were given by this process. */
  #given = 0;
  #whole: Proof | undefined;

  /** `restart`: what the target holds of it is not continued. */
  constructor(record: FileRecord, restart: boolean) {
    this.#record = record;
    this.#restart = restart;
  }

  /** Hex, once all bytes have passed. */
  get sha256(): string | undefined {
    return this.#whole?.sha256;
  }

  /** Asks the source once what the bytes must hash to. */
  async begin(source: Source, signal: AbortSignal): Promise<void> {
    this.failure = undefined;
    if (this.#checkpoints.length > 0) return;
    this.#expected = await this.#noting(sourceChecksum(this.#record, source, signal));
    const algorithms = new Set<ChecksumAlgorithm>(['sha256', this.#expected?.algorithm ?? 'sha256']);
    const digests = Object.fromEntries([...algorithms].map(name => [name, newDigest(name)]));
    this.#checkpoints = [{ offset: 0, digests }];
  }

  /** Where to go on at a target that holds `partial` bytes. */
  startAt(partial: number): number {
    return partial > this.#record.size || (this.#restart && this.#given === 0) ? 0 : partial;
  }

  /** Whether this process has not itself given all bytes up to `offset`. */
  unproven(offset: number): boolean {
    return offset > this.#given;
  }

  /** The bytes from `offset` on. What the source throws stays known as `failure`. */
  async *open(source: Source, offset: number, signal: AbortSignal): ByteStream {
    const checkpoint = this.#checkpointFor(source.capabilities.resume ? offset : 0);
    const digests = copyOf(checkpoint.digests);
    let position = checkpoint.offset;
    try {
      for await (const chunk of source.read(this.#record, position, signal)) {
        for (const digest of Object.values(digests)) digest.update(chunk);
        const rest = chunkFrom(offset, chunk, position);
        position += chunk.length;
        this.#remember(position, digests);
        if (rest.length > 0) yield this.#give(rest, position);
      }
    } catch (error) {
      throw this.#note(error);
    }
    this.#finish(position, digests);
  }

  /**
   * The hash of the whole file, agreed with the source where it can tell; what has not passed yet is read. Throws
   * `corrupt` if the bytes that have passed are not those of the source.
   */
  async prove(source: Source, signal: AbortSignal): Promise<Proof> {
    const rest = this.#whole ? [] : this.open(source, this.#record.size, signal);
    for await (const _chunk of rest);
    if (this.#whole) return this.#whole;
    throw new FileSyncError('internal', `${this.#record.path} has passed without a hash`);
  }

  #give(chunk: Uint8Array, end: number): Uint8Array {
    const begin = end - chunk.length;
    if (begin <= this.#given) this.#given = Math.max(this.#given, end);
    return chunk;
  }

  #checkpointFor(offset: number): HashCheckpoint {
    const checkpoint = this.#checkpoints.findLast(one => one.offset <= offset);
    if (checkpoint) return checkpoint;
    throw new FileSyncError('internal', `${this.#record.path} was opened before it was begun`);
  }

  /** The first one, of no bytes, always stays. */
  #remember(offset: number, digests: Digests): void {
    const last = this.#checkpoints.at(-1);
    if (last && offset - last.offset < CHECKPOINT_BYTES) return;
    this.#checkpoints.push({ offset, digests: copyOf(digests) });
    if (this.#checkpoints.length > MAX_CHECKPOINTS) this.#checkpoints.splice(1, 1);
  }

  #finish(position: number, { sha256, ...others }: Digests): void {
    const { path, size } = this.#record;
    if (position !== size)
      throw this.#note(
        new FileSyncError('changed', `the source gave ${position} of ${size} bytes`, { path }),
      );
    const actual = { sha256: sha256?.hex() ?? '', ...hexOf(others) };
    try {
      compare(actual, this.#expected);
    } catch (error) {
      throw this.#note(error);
    }
    this.#whole = { sha256: actual.sha256, ...(this.#expected && { proof: this.#expected }) };
  }

  async #noting<Value>(work: Promise<Value>): Promise<Value> {
    try {
      return await work;
    } catch (error) {
      throw this.#note(error);
    }
  }

  #note(thrown: unknown): FileSyncError {
    const error = toFileSyncError(thrown);
    error.origin ??= 'source';
    if (error.kind !== 'cancelled') this.failure = error;
    return error;
  }
}

const copyOf = (digests: Digests): Digests => mapped(digests, digest => digest.copy());
const hexOf = (digests: Digests) => mapped(digests, digest => digest.hex());

function mapped<Result>(digests: Digests, change: (digest: Digest) => Result) {
  const entries = Object.entries(digests).map(([name, digest]) => [name, change(digest)] as const);
  return Object.fromEntries(entries) as Partial<Record<ChecksumAlgorithm, Result>>;
}
