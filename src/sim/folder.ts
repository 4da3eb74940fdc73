import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { constants as system } from 'node:os';
import { posix } from 'node:path';
import { crc32 } from 'node:zlib';
import { FileSyncError } from '../errors.js';
import type { Clock } from '../ports.js';
import { SessionFile } from './open-file.js';

export type OpenMode = 'read' | 'write' | 'create' | 'write-existing';

const FLAGS: Record<OpenMode, number> = {
  read: constants.O_RDONLY,
  write: constants.O_WRONLY | constants.O_CREAT,
  create: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
  'write-existing': constants.O_WRONLY,
};

export interface FolderEntry {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'link' | 'other';
}

export interface EntryStat {
  /** Bytes. */
  readonly size: number;
  /** Last change, whole seconds since the Unix epoch. */
  readonly modified: number;
}

/**
 * The files below one folder of the host, by the vehicle's names: below `at` (`/fs/microsd/log/a.ulg`), and, for all paths
 * that do not begin with that, below `/` as well (`/log/a.ulg`). Nothing outside the folder can be
 * reached: `..` ends at the root and a symbolic link that leads out does not exist. Names are byte strings (one
 * character a byte, Node's `latin1`), since a name on a disk or on the wire need not be UTF-8. Methods reject with
 * Node's file errors, whose errno is the one that a vehicle would send.
 */
export class Folder {
  readonly #root: string;
  readonly #at: string;
  readonly #clock: Clock;

  private constructor(root: string, at: string, clock: Clock) {
    this.#root = root;
    this.#at = at;
    this.#clock = clock;
  }

  /** `at` is the vehicle's path of the folder. Throws `config` if there is no such folder. */
  static async at(path: string, clock: Clock, at = '/'): Promise<Folder> {
    try {
      if (!(await fs.stat(path)).isDirectory()) throw new Error('not a folder');
      return new Folder(await fs.realpath(path, { encoding: 'latin1' }), clean(at), clock);
    } catch (cause) {
      throw new FileSyncError(
        'config',
        `cannot serve ${path}: no such folder; create it or name another one`,
        {
          cause,
          path,
        },
      );
    }
  }

  /** Ordered by name, `.` and `..` included, so that an offset means the same entry in the next listing. */
  async list(path: string): Promise<FolderEntry[]> {
    const found = await fs.readdir(bytes(await this.#existing(path)), {
      withFileTypes: true,
      encoding: 'latin1',
    });
    const entries = found.map(entry => ({ name: entry.name, type: typeOf(entry) }));
    return [PARENT('.'), PARENT('..'), ...entries.sort((a, b) => (a.name < b.name ? -1 : 1))];
  }

  async stat(path: string): Promise<EntryStat> {
    const { size, mtimeMs } = await fs.stat(bytes(await this.#existing(path)));
    return { size, modified: Math.floor(mtimeMs / 1000) };
  }

  async open(path: string, mode: OpenMode): Promise<SessionFile> {
    const place = mode === 'read' ? await this.#existing(path) : await this.#existingOrNew(path);
    // The path contains no link; O_NOFOLLOW keeps a dangling link from creating a file outside.
    const handle = await fs.open(bytes(place), FLAGS[mode] | constants.O_NOFOLLOW, 0o666);
    return SessionFile.of(handle, readable(path), this.#clock);
  }

  /** MAVLink FTP's CRC-32: polynomial 0xEDB88320, start 0, no final XOR. */
  async crc32(path: string): Promise<number> {
    const handle = await fs.open(bytes(await this.#existing(path)), constants.O_RDONLY);
    try {
      return await crcOf(handle);
    } finally {
      await handle.close();
    }
  }

  /** Bytes of its file system: all, and those that are free. */
  async space(): Promise<{ readonly total: number; readonly free: number }> {
    const { blocks, bavail, bsize } = await fs.statfs(bytes(this.#root));
    return { total: blocks * bsize, free: bavail * bsize };
  }

  async makeFolder(path: string): Promise<void> {
    await fs.mkdir(bytes(await this.#beside(path)));
  }

  async removeFile(path: string): Promise<void> {
    await fs.unlink(bytes(await this.#beside(path)));
  }

  async removeFolder(path: string): Promise<void> {
    await fs.rmdir(bytes(await this.#beside(path)));
  }

  async rename(from: string, to: string): Promise<void> {
    await fs.rename(bytes(await this.#beside(from)), bytes(await this.#beside(to)));
  }

  async truncate(path: string, size: number): Promise<void> {
    await fs.truncate(bytes(await this.#existing(path)), size);
  }

  /** The real path of an existing file or folder, links followed. */
  async #existing(path: string): Promise<string> {
    return this.#inside(await fs.realpath(bytes(this.#root + this.#below(path)), { encoding: 'latin1' }));
  }

  async #existingOrNew(path: string): Promise<string> {
    try {
      return await this.#existing(path);
    } catch {
      return this.#beside(path);
    }
  }

  /** The path of a name, with a link at its end not followed: to make, remove or rename it. */
  async #beside(path: string): Promise<string> {
    const { dir, base } = posix.parse(this.#below(path));
    if (base === '') throw noSuchFile();
    return posix.join(await this.#existing(dir), base);
  }

  /** The path below the folder. */
  #below(path: string): string {
    const cleaned = clean(path);
    const isBelow = this.#at !== '/' && `${cleaned}/`.startsWith(`${this.#at}/`);
    return isBelow ? clean(cleaned.slice(this.#at.length)) : cleaned;
  }

  #inside(place: string): string {
    const root = this.#root.endsWith('/') ? this.#root : this.#root + '/';
    if (!(place + '/').startsWith(root)) throw noSuchFile();
    return place;
  }
}

const PARENT = (name: '.' | '..'): FolderEntry => ({ name, type: 'directory' });

/** An absolute path without `.` and `..`; the parent of the root is the root. */
export const clean = (path: string): string => posix.join('/', path);

/** The path for messages. */
const readable = (path: string): string => bytes(clean(path)).toString();

const bytes = (path: string): Buffer => Buffer.from(path, 'latin1');

function typeOf(entry: {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}): FolderEntry['type'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'link' : 'other';
}

const noSuchFile = () =>
  Object.assign(new Error('no such file'), { code: 'ENOENT', errno: -system.errno.ENOENT });

async function crcOf(handle: FileHandle): Promise<number> {
  const buffer = Buffer.allocUnsafe(256 * 1024);
  for (let crc = 0; ;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return crc;
    // zlib's CRC inverts at both ends; inverting once more there leaves the plain polynomial.
    crc = ~crc32(buffer.subarray(0, bytesRead), ~crc >>> 0) >>> 0;
  }
}
