import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type { Checkpoint, ChecksumAlgorithm } from '../ports.js';
import { newDigest, type Digest } from './digest.js';
import { isForOthers, PRIVATE_MODES } from '../system/file-modes.js';
import { diskError, onDisk, unless, whileWriting } from './disk-error.js';
import { fileBytes, setModified, appendAll } from './file-bytes.js';
import type { Folders } from './folders.js';
import type { HeldFolder } from './held-folder.js';
import { OpenFile, type FileAccess } from './open-file.js';

/** Bytes that may be buffered before `append` waits for the disk. */
const MAX_BUFFERED_BYTES = 1024 * 1024;

const WRITING = { operation: 'write', origin: 'local' } as const;

/** Digests of a whole file, by algorithm, as `Checksum.value`. */
export type Digests = Readonly<Partial<Record<ChecksumAlgorithm, string>>> & { readonly sha256: string };

export interface PartialFileOptions {
  readonly folders: Folders;
  /** Relative to the root of `folders`; it is made if it is not there. */
  readonly folder: string;
  /** The folder's absolute path, for messages. */
  readonly place: string;
  /** The name of the unfinished file; it is made if it is not there. */
  readonly part: string;
  /** The name of the finished file. */
  readonly final: string;
  /** The kernel's boot id; empty if it is unknown, and then only synced bytes are trusted. */
  readonly boot: string;
  /** The recorded checkpoint; without one the part starts at 0. */
  readonly checkpoint?: Checkpoint | undefined;
  /** The digests that `digests` returns besides SHA-256. */
  readonly algorithms?: readonly ChecksumAlgorithm[];
  /** See name-lookup.ts. */
  readonly local?: boolean;
  /** Permission bits of the file. */
  readonly mode?: number;
}

/**
 * The unfinished local copy of one file. The trusted bytes of an earlier attempt (all that were written, if the machine has not
 * rebooted since, else the synced ones) are read once, so that the digests cover the whole file.
 *
 * Writes are buffered: a chunk is written immediately if no write is running, else together with the chunks after it. A killed
 * process loses no more than has arrived since the last write began.
 */
export class PartialFile {
  readonly #handle: FileAccess;
  /** Held until the file is closed, so that the calls of its completion find it open. */
  #at: HeldFolder | undefined;
  readonly #options: PartialFileOptions;
  readonly #digests: ReadonlyMap<ChecksumAlgorithm, Digest>;
  #offset = 0;
  #written = 0;
  #synced: number;
  #buffered: Uint8Array[] = [];
  #draining: Promise<void> | undefined;
  #batch: Promise<void> = Promise.resolve();
  #failure: FileSyncError | undefined;
  /** A sync has failed: the kernel has dropped the bytes that it could not write, and does not report that again. */
  #dropped = false;
  #isSynced = false;

  private constructor(handle: FileAccess, at: HeldFolder, options: PartialFileOptions, synced: number) {
    this.#handle = handle;
    this.#at = at;
    this.#options = options;
    this.#synced = synced;
    const algorithms: ChecksumAlgorithm[] = ['sha256', ...(options.algorithms ?? [])];
    this.#digests = new Map(algorithms.map(algorithm => [algorithm, newDigest(algorithm)]));
  }

  static async begin(options: PartialFileOptions, signal: AbortSignal): Promise<PartialFile> {
    return onWriting(join(options.place, options.part), async () => {
      const at = await options.folders.hold(options.folder, { make: true });
      try {
        return await PartialFile.#beginIn(at, options, signal);
      } catch (error) {
        await at.release();
        throw error;
      }
    });
  }

  static async #beginIn(
    at: HeldFolder,
    options: PartialFileOptions,
    signal: AbortSignal,
  ): Promise<PartialFile> {
    const handle = await at.openOwn(options.part, flags => openPart(at, options, flags));
    try {
      await openToOthers(handle, options);
      const trusted = await cutToTrusted(handle, options);
      const synced = Math.min(trusted, options.checkpoint?.synced ?? 0);
      const file = new PartialFile(handle, at, options, synced);
      if (trusted > 0) await file.#digestTrusted(signal);
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The absolute path of the unfinished file. */
  get #path(): string {
    return join(this.#options.place, this.#options.part);
  }

  /** Bytes of the file, buffered ones included: the offset from which the source is read. */
  get offset(): number {
    return this.#offset;
  }

  /** The checkpoint that may be recorded now. */
  get safe(): Checkpoint {
    return { boot: this.#options.boot, synced: this.#synced };
  }

  /** The chunk must not be changed afterwards. Waits only if the disk is too slow. Throws the error of an earlier write. */
  async append(chunk: Uint8Array): Promise<void> {
    this.#throwFailure();
    this.#isSynced = false;
    this.#buffered.push(chunk);
    this.#offset += chunk.length;
    this.#draining ??= this.#drain();
    while (this.#offset - this.#written > MAX_BUFFERED_BYTES && !this.#failure) await this.#batch;
    this.#throwFailure();
  }

  /** Syncs everything so far to the disk and returns the checkpoint to record. More may be appended meanwhile. */
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

  /** Syncs the whole file to the disk, with the time of its last change (ms since the epoch). */
  async fsync(modified?: number): Promise<void> {
    await this.#flush();
    await this.#toDisk(async () => {
      await setModified(this.#handle, modified);
      await this.#handle.sync();
    });
    this.#isSynced = true;
  }

  /**
   * Renames the whole file to its final name, or another one in the same folder, durably, after an fsync. Rejects with `exists` if
   * the name is taken.
   */
  async commit(name?: string): Promise<void> {
    const { part, final, folders, folder, place } = this.#options;
    const path = join(place, name ?? final);
    if (!this.#isSynced) await this.fsync();
    await onWriting(path, async () => {
      const renamed = (at: HeldFolder) => at.renameIfFree(part, name ?? final);
      if (!(await folders.in(folder, renamed))) throw exists(path);
    });
  }

  /**
   * Writes the buffered chunks, unless a write has failed, and closes the file; bytes that a failed sync may have lost are cut
   * off. A second call does nothing.
   */
  async close(): Promise<void> {
    await this.#draining;
    const cut = this.#dropped ? this.#handle.truncate(this.#synced) : undefined;
    this.#dropped = false;
    await Promise.resolve(cut)
      .finally(() => this.#handle.close())
      .finally(() => this.#release());
  }

  async #release(): Promise<void> {
    const at = this.#at;
    this.#at = undefined;
    await at?.release();
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
    while (this.#buffered.length > 0 && !this.#failure) await (this.#batch = this.#writeBuffered());
    this.#draining = undefined;
  }

  /** Computes the digests while the disk writes. Never rejects: an error is kept for the next call. */
  async #writeBuffered(): Promise<void> {
    const chunks = this.#buffered;
    this.#buffered = [];
    const [first, ...more] = chunks;
    const bytes = first && more.length === 0 ? first : Buffer.concat(chunks);
    try {
      const writing = appendAll(this.#handle, bytes, this.#written);
      this.#digest(bytes);
      await writing;
      this.#written += bytes.length;
    } catch (error) {
      this.#failure = diskError(error, this.#path, WRITING);
    }
  }

  /** An error is kept for the next call: a later sync would succeed without those bytes. */
  async #toDisk(sync: () => Promise<void>): Promise<void> {
    try {
      await onWriting(this.#path, sync);
    } catch (error) {
      this.#dropped = true;
      this.#failure = toFileSyncError(error);
      throw error;
    }
  }

  /** The first sync includes the part's own name. */
  async #syncData(): Promise<void> {
    await this.#handle.datasync();
    const { folders, folder } = this.#options;
    if (this.#synced === 0) await folders.in(folder, at => at.sync());
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure;
  }
}

const openPart = (
  at: HeldFolder,
  { part, local, mode = PRIVATE_MODES.file }: PartialFileOptions,
  flags: number,
): Promise<FileAccess> =>
  at.do<FileAccess>(entry =>
    local ? OpenFile.open(entry(part), flags, mode) : open(entry(part), flags, mode),
  );

/** File systems without permissions, as FAT, refuse that. */
async function openToOthers(
  handle: FileAccess,
  { mode = PRIVATE_MODES.file }: PartialFileOptions,
): Promise<void> {
  if (isForOthers(mode)) await unless(['EPERM', 'ENOTSUP'], handle.chmod(mode));
}

/** Cuts off the bytes that cannot be trusted; returns the number of the others. */
async function cutToTrusted(handle: FileAccess, options: PartialFileOptions): Promise<number> {
  const { size } = await handle.stat();
  const trusted = trustedBytes(size, options);
  if (size > trusted) await handle.truncate(trusted);
  return trusted;
}

/** The number of bytes of an earlier attempt that are certainly those that were received. */
function trustedBytes(size: number, { checkpoint, boot }: PartialFileOptions): number {
  // A part that is shorter than the synced bytes is not that of the record.
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
