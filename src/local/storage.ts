import bytes from 'bytes';
import { constants } from 'node:fs';
import { lstat, mkdir, open, readFile, rmdir, statfs, unlink } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { FileSyncError } from '../errors.js';
import type { ByteStream, Checkpoint, Checksum, ChecksumAlgorithm } from '../ports.js';
import type { ChunkPool } from './chunk-pool.js';
import { checksumOf } from './digest.js';
import { codeOf, diskError, onDisk, unless } from './disk-error.js';
import { fileBytes } from './file-bytes.js';
import { Folders } from './folders.js';
import { PART_SUFFIX } from './names.js';
import { PartialFile } from './partial-file.js';

/** One boot of the machine, as the kernel names it (random(4), proc). */
const readBootId = async (): Promise<string> =>
  (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();

/** Bytes that may be fetched before what is free is counted anew: what others write meanwhile is noticed in time. */
const MAX_SPARE = 1024 * 1024;

/** The local copies. Names are those of `localName`, relative to the root; the root is made when it is needed. */
export class LocalStorage {
  readonly #root: string;
  readonly #folders: Folders;
  readonly #bootId: () => Promise<string>;
  #boot: string | undefined;
  /** Bytes that were free when they were last counted, and that nobody has asked for since. */
  #spare = 0;

  /** @param root absolute */
  constructor(root: string, bootId: () => Promise<string> = readBootId) {
    this.#root = root;
    this.#folders = new Folders(root);
    this.#bootId = bootId;
  }

  /** Opens the unfinished copy, at the end of what can be trusted of it. It digests in SHA-256 and what else is asked for. */
  async begin(
    local: string,
    checkpoint: Checkpoint | undefined,
    signal: AbortSignal,
    algorithms: readonly ChecksumAlgorithm[] = [],
  ): Promise<PartialFile> {
    const final = this.#absolute(local);
    await onDisk(final, { operation: 'write' }, () => this.#makeFolder(dirname(final)));
    const boot = (this.#boot ??= await this.#bootId());
    const part = final + PART_SUFFIX;
    return PartialFile.begin({ part, final, boot, checkpoint, algorithms }, signal);
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
      await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      yield* fileBytes(file, offset, signal, size, pool);
    } catch (error) {
      throw diskError(error, path, { operation: 'read' });
    }
  }

  /** Of the finished copy as it is now. */
  checksum(local: string, algorithm: ChecksumAlgorithm, signal?: AbortSignal): Promise<Checksum> {
    return checksumOf(this.open(local, 0, signal), algorithm);
  }

  /** What lies under the name, of whatever kind it is; undefined if the name is free. */
  async stat(local: string): Promise<{ size: number } | undefined> {
    const path = this.#absolute(local);
    const found = await onDisk(path, { operation: 'stat' }, () => unless(['ENOENT', 'ENOTDIR'], lstat(path)));
    return found && { size: found.size };
  }

  /** Removes the finished copy, and folders that are empty then. A copy that is gone already is a success. */
  async remove(local: string): Promise<void> {
    await this.#unlink(this.#absolute(local));
  }

  /** Removes the unfinished copy, as `remove` does. */
  async discard(local: string): Promise<void> {
    await this.#unlink(this.#absolute(local) + PART_SUFFIX);
  }

  /** Bytes that this user may still write. */
  async free(): Promise<number> {
    return onDisk(this.#root, { operation: 'stat' }, () => freeBytes(this.#root));
  }

  /** Rejects with `no-space` if `size` more bytes do not fit. Small files are not counted one by one. */
  async ensureSpace(size: number): Promise<void> {
    if (size <= this.#spare) return void (this.#spare -= size);
    const free = await this.free();
    this.#spare = Math.min(MAX_SPARE, Math.max(0, free - size));
    if (free >= size) return;
    const [has, needs, lacks] = [free, size, size - free].map(amount => bytes.format(amount));
    const cure = `free ${lacks} there, let rules delete local copies (after: local), or set another \`local\``;
    const message = `${this.#root}: the disk has ${has} free and the file needs ${needs}: ${cure}`;
    throw new FileSyncError('no-space', message, { operation: 'write', path: this.#root });
  }

  #absolute(local: string): string {
    const path = resolve(this.#root, local);
    if (path.startsWith(withSeparator(this.#root)) && !local.includes('\0')) return path;
    throw new FileSyncError('bad-name', `${JSON.stringify(local)} does not lie below the local folder`);
  }

  async #makeFolder(path: string): Promise<void> {
    const folder = relative(this.#root, path);
    if (await this.#folders.has(folder)) return;
    await mkdir(this.#root, { recursive: true });
    await this.#folders.make(folder);
  }

  async #unlink(path: string): Promise<void> {
    await onDisk(path, { operation: 'remove' }, async () => {
      await unless(['ENOENT', 'ENOTDIR'], unlink(path));
      await this.#removeEmpty(dirname(path));
    });
  }

  /** A folder that cannot go harms nobody. */
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

/** Of the file system that holds the folder, or will hold it once it is made. */
async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(folder) === folder) throw error;
    return freeBytes(dirname(folder));
  }
}
