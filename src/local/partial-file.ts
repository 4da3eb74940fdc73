import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type { Checkpoint, ChecksumAlgorithm } from '../ports.js';
import { newDigest, type Digest } from './digest.js';
import { diskError, onDisk, whileWriting } from './disk-error.js';
import { fileBytes, setModified, writeAll } from './file-bytes.js';
import { renameIfFree, syncFolder } from './folders.js';
import { OpenFile, type FileAccess } from './open-file.js';

/** Bytes that may wait for the disk before `append` does. */
const MAX_GATHERED = 1024 * 1024;

const WRITING = { operation: 'write', origin: 'local' } as const;

/** Digests of a whole file, by algorithm, as `Checksum.value`. */
export type Digests = Readonly<Partial<Record<ChecksumAlgorithm, string>>> & { readonly sha256: string };

export interface PartialFileOptions {
  /** Absolute, of the unfinished file; it is made if it is not there. */
  readonly part: string;
  /** Absolute, in the same folder. */
  readonly final: string;
  /** The kernel's present boot id; empty where nobody knows it, and only what was synced can be trusted. */
  readonly boot: string;
  /** What was recorded of the part; without it the part begins anew. */
  readonly checkpoint?: Checkpoint | undefined;
  /** What `digests` gives besides SHA-256. */
  readonly algorithms?: readonly ChecksumAlgorithm[];
  /** See looks.ts. */
  readonly local?: boolean;
}

/**
 * The unfinished local copy of one file. What it can trust of an earlier try (everything the kernel has taken, if the
 * machine has not rebooted since, else what was synced) is read once, so that the digests cover the whole file.
 *
 * Writing is behind: a chunk goes to the kernel at once if nothing is being written, else with its successors in one
 * piece. A killed process loses no more than has come since the last write began.
 */
export class PartialFile {
  readonly #handle: FileAccess;
  readonly #options: PartialFileOptions;
  readonly #digests: ReadonlyMap<ChecksumAlgorithm, Digest>;
  #offset = 0;
  #written = 0;
  #synced: number;
  #gathered: Uint8Array[] = [];
  #draining: Promise<void> | undefined;
  #batch: Promise<void> = Promise.resolve();
  #failure: FileSyncError | undefined;
  /** A sync has failed: what the kernel could not write it has dropped, and will not speak of again. */
  #dropped = false;
  #isSynced = false;

  private constructor(handle: FileAccess, options: PartialFileOptions, synced: number) {
    this.#handle = handle;
    this.#options = options;
    this.#synced = synced;
    const algorithms: ChecksumAlgorithm[] = ['sha256', ...(options.algorithms ?? [])];
    this.#digests = new Map(algorithms.map(algorithm => [algorithm, newDigest(algorithm)]));
  }

  static async begin(options: PartialFileOptions, signal: AbortSignal): Promise<PartialFile> {
    return onWriting(options.part, async () => {
      const { O_RDWR, O_CREAT, O_NOFOLLOW, O_TRUNC } = constants;
      const flags = O_RDWR | O_CREAT | O_NOFOLLOW | (options.checkpoint ? 0 : O_TRUNC);
      const handle = await openPart(options, flags);
      try {
        const trusted = options.checkpoint ? await cutToTrusted(handle, options) : 0;
        const file = new PartialFile(handle, options, Math.min(trusted, options.checkpoint?.synced ?? 0));
        if (trusted > 0) await file.#digestTrusted(signal);
        return file;
      } catch (error) {
        await handle.close();
        throw error;
      }
    });
  }

  /** Bytes that the file has, those on their way to the disk included: where the source goes on. */
  get offset(): number {
    return this.#offset;
  }

  /** What may be recorded as safe now. */
  get safe(): Checkpoint {
    return { boot: this.#options.boot, synced: this.#synced };
  }

  /** The chunk must not be changed afterwards. Waits only if the disk is too slow. Throws what an earlier write met. */
  async append(chunk: Uint8Array): Promise<void> {
    this.#throwFailure();
    this.#isSynced = false;
    this.#gathered.push(chunk);
    this.#offset += chunk.length;
    this.#draining ??= this.#drain();
    while (this.#offset - this.#written > MAX_GATHERED && !this.#failure) await this.#batch;
    this.#throwFailure();
  }

  /** Brings everything so far to the disk and tells what may be recorded as safe. More may be appended meanwhile. */
  async checkpoint(): Promise<Checkpoint> {
    const wanted = this.#offset;
    while (this.#written < wanted && !this.#failure) await this.#batch;
    this.#throwFailure();
    const reached = this.#written;
    if (reached > this.#synced) await this.#toDisk(() => this.#syncData());
    this.#synced = reached;
    return this.safe;
  }

  /** Of all bytes up to `offset`. */
  async digests(): Promise<Digests> {
    await this.#flush();
    const values = [...this.#digests].map(([algorithm, digest]) => [algorithm, digest.hex()]);
    return Object.fromEntries(values) as Digests;
  }

  /** Brings the whole file to the disk, with the time of its last change (ms since the epoch). */
  async fsync(modified?: number): Promise<void> {
    await this.#flush();
    await this.#toDisk(async () => {
      await setModified(this.#handle, modified);
      await this.#handle.sync();
    });
    this.#isSynced = true;
  }

  /**
   * Gives the whole file its final name, or another one in the same folder, durably, sealed before. Rejects with `exists` if
   * something of that name is there.
   */
  async commit(name?: string): Promise<void> {
    const { part, local = false } = this.#options;
    const final = name === undefined ? this.#options.final : join(dirname(this.#options.final), name);
    if (!this.#isSynced) await this.fsync();
    await onWriting(final, async () => {
      if (!(await renameIfFree(part, final, local))) throw exists(final);
    });
  }

  /**
   * Brings what is gathered to the kernel, where it still can, and lets go of the file; what a sync that failed may have
   * lost is cut off. A second call does nothing.
   */
  async close(): Promise<void> {
    await this.#draining;
    const cut = this.#dropped ? this.#handle.truncate(this.#synced) : undefined;
    this.#dropped = false;
    await Promise.resolve(cut).finally(() => this.#handle.close());
  }

  async #digestTrusted(signal: AbortSignal): Promise<void> {
    for await (const chunk of fileBytes(this.#handle, 0, signal)) {
      this.#digest(chunk);
      this.#offset += chunk.length;
    }
    this.#written = this.#offset;
  }

  #digest(chunk: Uint8Array): void {
    for (const digest of this.#digests.values()) digest.update(chunk);
  }

  async #flush(): Promise<void> {
    await this.#draining;
    this.#throwFailure();
  }

  async #drain(): Promise<void> {
    while (this.#gathered.length > 0 && !this.#failure) await (this.#batch = this.#writeGathered());
    this.#draining = undefined;
  }

  /** Digests while the disk works. Never rejects: what fails is kept for the next call. */
  async #writeGathered(): Promise<void> {
    const chunks = this.#gathered;
    this.#gathered = [];
    const [first, ...more] = chunks;
    const bytes = first && more.length === 0 ? first : Buffer.concat(chunks);
    try {
      const writing = writeAll(this.#handle, bytes, this.#written);
      this.#digest(bytes);
      await writing;
      this.#written += bytes.length;
    } catch (error) {
      this.#failure = diskError(error, this.#options.part, WRITING);
    }
  }

  /** What fails is kept for the next call: a later sync would succeed without those bytes. */
  async #toDisk(sync: () => Promise<void>): Promise<void> {
    try {
      await onWriting(this.#options.part, sync);
    } catch (error) {
      this.#dropped = true;
      this.#failure = toFileSyncError(error);
      throw error;
    }
  }

  /** The first time, the part's own name as well. */
  async #syncData(): Promise<void> {
    await this.#handle.datasync();
    const { part, local } = this.#options;
    if (this.#synced === 0) await syncFolder(dirname(part), local);
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure;
  }
}

const openPart = ({ part, local }: PartialFileOptions, flags: number): Promise<FileAccess> =>
  local ? OpenFile.open(part, flags, 0o666) : open(part, flags, 0o666);

/** Leaves only bytes that are certainly those that were received; gives their number. */
async function cutToTrusted(handle: FileAccess, options: PartialFileOptions): Promise<number> {
  const { size } = await handle.stat();
  const trusted = trustedBytes(size, options);
  if (size > trusted) await handle.truncate(trusted);
  return trusted;
}

/** How many bytes of an earlier try are certainly those that were received. */
function trustedBytes(size: number, { checkpoint, boot }: PartialFileOptions): number {
  // A part that is shorter than what was synced is not the part that the record speaks of.
  if (!checkpoint || size < checkpoint.synced) return 0;
  return boot !== '' && checkpoint.boot === boot ? size : checkpoint.synced;
}

const exists = (path: string) =>
  new FileSyncError('exists', `${path}: something of that name is there already`, {
    path,
    ...WRITING,
  });

async function onWriting<Value>(path: string, work: () => Promise<Value>): Promise<Value> {
  return onDisk(path, WRITING, work).catch((error: FileSyncError) => {
    throw whileWriting(error, path);
  });
}
