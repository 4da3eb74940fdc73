import { constants } from 'node:fs';
import { open, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { FileSyncError, type ErrorDetails } from '../errors.js';
import type { ByteStream, Checkpoint, Checksum, ChecksumAlgorithm, Space } from '../ports.js';
import { bootId } from '../system/boot-id.js';
import type { MinFree } from '../system/statfs.js';
import type { ChunkPool } from './chunk-pool.js';
import { checksumOf } from './digest.js';
import { diskError, onDisk, unless, whileWriting } from './disk-error.js';
import { fileBytes } from './file-bytes.js';
import { filesBelow, type LocalFile } from './files-below.js';
import { Folders, renameIfFree, syncFolder } from './folders.js';
import { corruptName, PART_SUFFIX } from './names.js';
import { statIfThere } from './name-lookup.js';
import { OpenFile, type FileAccess } from './open-file.js';
import { PartialFile } from './partial-file.js';
import { FreeSpace } from './free-space.js';

const GONE = ['ENOENT', 'ENOTDIR'];
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;

const ours = (operation: string): ErrorDetails => ({ operation, origin: 'local' });

export interface LocalStorageOptions {
  /** The kernel's boot id; empty if it is unknown. Default: this machine's. */
  readonly boot?: string;
  /** Space that must stay free. Default: none. */
  readonly minFree?: MinFree | undefined;
}

/** The local copies. Names are those of `localName`, relative to the root; the root is made when it is needed. */
export class LocalStorage {
  readonly #root: string;
  readonly #folders: Folders;
  readonly #freeSpace: FreeSpace;
  readonly #boot: string;

  /** @param root absolute */
  constructor(root: string, { boot = bootId, minFree }: LocalStorageOptions = {}) {
    this.#root = root;
    this.#freeSpace = new FreeSpace(root, minFree);
    this.#folders = new Folders(root, () => this.#freeSpace.local);
    this.#boot = boot;
  }

  /** Opens the unfinished copy at the end of its trusted bytes, with digests in SHA-256 and `algorithms`. */
  async begin(
    local: string,
    checkpoint: Checkpoint | undefined,
    signal: AbortSignal,
    algorithms: readonly ChecksumAlgorithm[] = [],
  ): Promise<PartialFile> {
    const final = this.#absolute(local);
    await onDisk(final, ours('write'), () => this.#makeFolder(dirname(final))).catch(
      (error: FileSyncError) => {
        throw whileWriting(error, final);
      },
    );
    const part = final + PART_SUFFIX;
    const { local: isLocal } = this.#freeSpace;
    return PartialFile.begin(
      { part, final, boot: this.#boot, checkpoint, algorithms, local: isLocal },
      signal,
    );
  }

  /** The finished copy from `offset` to its end; see `fileBytes` for `size` and `pool`. */
  async *open(
    local: string,
    offset: number,
    signal?: AbortSignal,
    size?: number,
    pool?: ChunkPool,
  ): ByteStream {
    const path = this.#absolute(local);
    try {
      await using file = await this.#open(path);
      yield* fileBytes(file, offset, signal, size, pool);
    } catch (error) {
      throw diskError(error, path, ours('read'));
    }
  }

  /** The checksum of the finished copy as it is now. */
  checksum(local: string, algorithm: ChecksumAlgorithm, signal?: AbortSignal): Promise<Checksum> {
    return checksumOf(this.open(local, 0, signal), algorithm);
  }

  /** The entry of that name, of any kind; undefined if the name is free. */
  async stat(local: string): Promise<{ size: number } | undefined> {
    const path = this.#absolute(local);
    const there = await onDisk(path, ours('stat'), () => statIfThere(path, this.#freeSpace.local));
    return there && { size: there.size };
  }

  /**
   * Whether the finished copy has these bytes; false if there is none. If it has them, it is synced with its name: a crash may
   * have come between its renaming and the sync.
   */
  async sameAs(local: string, size: number, sha256: string, signal?: AbortSignal): Promise<boolean> {
    const path = this.#absolute(local);
    return onDisk(path, ours('read'), async () => {
      const there = await statIfThere(path, this.#freeSpace.local);
      if (!there?.isFile() || there.size !== size) return false;
      await using file = await this.#open(path);
      const { value } = await checksumOf(fileBytes(file, 0, signal, size), 'sha256');
      if (value !== sha256) return false;
      await file.sync();
      await syncFolder(dirname(path));
      return true;
    });
  }

  /** Every regular file below the root, unfinished copies and foreign files included; see `filesBelow`. */
  list(): AsyncIterable<LocalFile> {
    return filesBelow(this.#root);
  }

  /**
   * Removes the finished copy, and folders that are empty then, durably: it must not come back after a power cut. A copy that
   * is gone already is a success.
   */
  async remove(local: string): Promise<void> {
    const path = this.#absolute(local);
    await onDisk(path, ours('remove'), async () => {
      await this.#unlink(path);
      await this.#syncNearest(dirname(path));
    });
  }

  /** Removes the unfinished copy, as `remove` does, but not durably. */
  async discard(local: string): Promise<void> {
    const path = this.#absolute(local) + PART_SUFFIX;
    await onDisk(path, ours('remove'), () => this.#unlink(path));
  }

  /**
   * Renames the finished copy, which is corrupt, durably to `<name>.corrupt`, with a number if that is taken. Returns the new
   * name. Rejects with `not-found` if there is no copy.
   */
  async quarantine(local: string): Promise<string> {
    const path = this.#absolute(local);
    return onDisk(path, ours('write'), async () => {
      for (let count = 1; ; count++) {
        const name = join(dirname(local), corruptName(basename(local), count));
        if (await renameIfFree(path, this.#absolute(name), this.#freeSpace.local)) return name;
      }
    });
  }

  /** Bytes that may still be fetched. */
  async free(): Promise<number> {
    return (await this.space()).free;
  }

  /** See `FreeSpace.space`. */
  space(): Promise<Space> {
    return this.#freeSpace.space();
  }

  /** Rejects with `no-space` if `size` more bytes do not fit. Small files are not measured one by one. */
  ensureSpace(size: number): Promise<void> {
    return this.#freeSpace.ensure(size);
  }

  #absolute(local: string): string {
    const path = resolve(this.#root, local);
    if (path.startsWith(withSeparator(this.#root)) && !local.includes('\0')) return path;
    throw new FileSyncError('bad-name', `${JSON.stringify(local)} is not below the local folder`);
  }

  #open(path: string): Promise<FileAccess> {
    return this.#freeSpace.local ? OpenFile.open(path, READ_FLAGS) : open(path, READ_FLAGS);
  }

  async #makeFolder(path: string): Promise<void> {
    const folder = relative(this.#root, path);
    if (await this.#folders.has(folder)) return;
    await this.#folders.makeRoot({ recursive: true });
    await this.#folders.make(folder);
  }

  async #unlink(path: string): Promise<void> {
    await unless(GONE, unlink(path));
    await this.#removeEmpty(dirname(path));
  }

  /** Syncs the folder, or the nearest one above it that exists. */
  async #syncNearest(folder: string): Promise<void> {
    const synced = await unless(
      GONE,
      syncFolder(folder).then(() => true),
    );
    if (!synced && folder !== this.#root) await this.#syncNearest(dirname(folder));
  }

  /** Errors are ignored: an empty folder is harmless. */
  async #removeEmpty(folder: string): Promise<void> {
    if (folder === this.#root) return;
    const removed = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (removed) await this.#removeEmpty(dirname(folder));
  }
}

const withSeparator = (folder: string): string => (folder.endsWith(sep) ? folder : folder + sep);
