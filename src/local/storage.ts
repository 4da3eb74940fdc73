import { constants } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FileSyncError, throwIfAborted, type ErrorDetails } from '../errors.js';
import type { ByteStream, Checkpoint, Checksum, ChecksumAlgorithm, Space } from '../ports.js';
import { bootId } from '../system/boot-id.js';
import { PRIVATE_MODES, type FileModes } from '../system/file-modes.js';
import type { MinFree } from '../system/statfs.js';
import type { ChunkPool } from './chunk-pool.js';
import { checksumOf } from './digest.js';
import { diskError, onDisk, unless } from './disk-error.js';
import { fileBytes } from './file-bytes.js';
import { filesBelow, type LocalFile } from './files-below.js';
import { Folders } from './folders.js';
import type { HeldFolder } from './held-folder.js';
import { corruptName, PART_SUFFIX } from './names.js';
import { OpenFile, type FileAccess } from './open-file.js';
import { PartialFile } from './partial-file.js';
import { FreeSpace } from './free-space.js';

const GONE = ['ENOENT', 'ENOTDIR'];
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const ours = (operation: string): ErrorDetails => ({ operation, origin: 'local' });

export interface LocalStorageOptions {
  /** The kernel's boot id; empty if it is unknown. Default: this machine's. */
  readonly boot?: string;
  /** Space that must stay free. Default: none. */
  readonly minFree?: MinFree | undefined;
  /** Permission bits of local copies and their folders. Default: for this user alone. */
  readonly modes?: FileModes;
}

/** The local copies. Names are those of `localName`, relative to the root; the root is made when it is needed. */
export class LocalStorage {
  readonly #root: string;
  readonly #folders: Folders;
  readonly #freeSpace: FreeSpace;
  readonly #boot: string;
  readonly #mode: number;

  /** @param root absolute */
  constructor(root: string, { boot = bootId, minFree, modes = PRIVATE_MODES }: LocalStorageOptions = {}) {
    this.#root = root;
    this.#freeSpace = new FreeSpace(root, minFree);
    const freeSpace = this.#freeSpace;
    const calls = {
      get local() {
        return freeSpace.local;
      },
      do: <Value>(work: () => Promise<Value>) => work(),
    };
    this.#folders = new Folders(root, { calls, root: 'with-parents', mode: modes.folder });
    this.#boot = boot;
    this.#mode = modes.file;
  }

  /** Space that must stay free. */
  set minFree(minFree: MinFree) {
    this.#freeSpace.minFree = minFree;
  }

  /** Opens the unfinished copy at the end of its trusted bytes, with digests in SHA-256 and `algorithms`. */
  async begin(
    local: string,
    checkpoint: Checkpoint | undefined,
    signal: AbortSignal,
    algorithms: readonly ChecksumAlgorithm[] = [],
  ): Promise<PartialFile> {
    const path = this.#absolute(local);
    const [folder, final] = [dirname(local), basename(local)];
    const names = { folder, final, part: final + PART_SUFFIX, place: dirname(path) };
    const { local: isLocal } = this.#freeSpace;
    return PartialFile.begin(
      {
        ...{ folders: this.#folders, boot: this.#boot, mode: this.#mode, local: isLocal },
        ...names,
        checkpoint,
        algorithms,
      },
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
      await using file = await this.#in(local, at => this.#open(at, basename(local)));
      yield* fileBytes(file, offset, signal, size, pool);
    } catch (error) {
      throw diskError(error, path, ours('read'));
    }
  }

  /** Calls `use` with the finished copy, open for reading at any place. */
  async reading<Value>(
    local: string,
    use: (file: Pick<FileAccess, 'read'>) => Promise<Value>,
  ): Promise<Value> {
    return onDisk(this.#absolute(local), ours('read'), async () => {
      await using file = await this.#in(local, at => this.#open(at, basename(local)));
      return await use(file);
    });
  }

  /** The checksum of the finished copy as it is now. */
  checksum(local: string, algorithm: ChecksumAlgorithm, signal?: AbortSignal): Promise<Checksum> {
    return checksumOf(this.open(local, 0, signal), algorithm);
  }

  /** The entry of that name, of any kind; undefined if the name is free. */
  async stat(local: string): Promise<{ size: number } | undefined> {
    const path = this.#absolute(local);
    const find = () => this.#in(local, at => at.find(basename(local)));
    const there = await onDisk(path, ours('stat'), () => unless(GONE, find()));
    return there && { size: there.size };
  }

  /**
   * Whether the finished copy has these bytes; false if there is none. If it has them, it is synced with its name: a crash may
   * have come between its renaming and the sync.
   */
  async sameAs(local: string, size: number, sha256: string, signal?: AbortSignal): Promise<boolean> {
    const path = this.#absolute(local);
    const compared = (at: HeldFolder) => this.#holds(at, basename(local), size, sha256, signal);
    const comparing = () => this.#folders.in(dirname(local), compared, { durable: true });
    return onDisk(path, ours('read'), async () => (await unless(GONE, comparing())) ?? false);
  }

  async #holds(
    at: HeldFolder,
    name: string,
    size: number,
    sha256: string,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const there = await at.find(name);
    if (!there?.isFile() || there.size !== size) return false;
    await using file = await this.#open(at, name);
    const { value } = await checksumOf(fileBytes(file, 0, signal, size), 'sha256');
    if (value !== sha256) return false;
    await file.sync();
    await at.sync();
    return true;
  }

  /** Every regular file below the root, unfinished copies and foreign files included; see `filesBelow`. */
  list(): AsyncIterable<LocalFile> {
    return filesBelow(this.#root);
  }

  /**
   * Removes the finished copy, and folders that are empty then, durably: it must not come back after a power cut. A copy that
   * is gone already is a success. Rejects with `cancelled`, and has removed nothing, where the signal was aborted before.
   */
  async remove(local: string, signal?: AbortSignal): Promise<void> {
    const path = this.#absolute(local);
    await onDisk(path, ours('remove'), async () => {
      const left = await this.#unlink(local, signal);
      await unless(
        GONE,
        this.#folders.in(left, at => at.sync()),
      );
    });
  }

  /** Removes the unfinished copy, as `remove` does, but not durably. */
  async discard(local: string): Promise<void> {
    const path = this.#absolute(local) + PART_SUFFIX;
    await onDisk(path, ours('remove'), () => this.#unlink(local + PART_SUFFIX));
  }

  /**
   * Renames the finished copy, which is corrupt, durably to `<name>.corrupt`, with a number if that is taken. Returns the new
   * name. Rejects with `not-found` if there is no copy.
   */
  async quarantine(local: string): Promise<string> {
    const path = this.#absolute(local);
    const renamed = async (at: HeldFolder) => {
      for (let count = 1; ; count++) {
        const name = corruptName(basename(local), count);
        if (await at.renameIfFree(basename(local), name)) return join(dirname(local), name);
      }
    };
    return onDisk(path, ours('write'), () => this.#in(local, renamed));
  }

  /** What can still be written, above `min_free`. */
  space(): Promise<Space> {
    return this.#freeSpace.space();
  }

  /** Rejects with `no-space` if `size` more bytes do not fit. Small files are not measured one by one. */
  ensureSpace(size: number): Promise<void> {
    return this.#freeSpace.ensure(size);
  }

  /** With a check that the name stays below the root. */
  #absolute(local: string): string {
    const isBelow = local.split('/').every(part => part !== '' && part !== '.' && part !== '..');
    if (isBelow && !local.includes('\0')) return join(this.#root, local);
    throw new FileSyncError('bad-name', `${JSON.stringify(local)} is not below the local folder`);
  }

  #in<Value>(local: string, use: (at: HeldFolder) => Promise<Value>): Promise<Value> {
    return this.#folders.in(dirname(local), use);
  }

  #open(at: HeldFolder, name: string): Promise<FileAccess> {
    const isLocal = this.#freeSpace.local;
    return at.do<FileAccess>(entry =>
      isLocal ? OpenFile.open(entry(name), READ_FLAGS) : open(entry(name), READ_FLAGS),
    );
  }

  /** Returns the folder that is left. */
  async #unlink(local: string, signal?: AbortSignal): Promise<string> {
    const unlinked = (at: HeldFolder) => {
      if (signal) throwIfAborted(signal);
      return at.do(entry => unlink(entry(basename(local))));
    };
    await unless(GONE, this.#in(local, unlinked));
    return this.#folders.removeEmpty(dirname(local));
  }
}
