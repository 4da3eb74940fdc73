import { constants } from 'node:fs';
import { mkdir, open, readFile, realpath, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FileSyncError } from '../errors.js';
import { codeOf, diskError, unless } from '../local/disk-error.js';
import { writeAll } from '../local/file-bytes.js';
import { syncFolder } from '../local/sync-folder.js';

/** A file opened for reading. */
export interface DiskReader {
  /** Bytes. */
  size(): Promise<number>;
  /** Fills the buffer from `position` on; resolves to the number of bytes, fewer only at the end of the file. */
  read(buffer: Buffer, position: number): Promise<number>;
  close(): Promise<void>;
}

/** A file opened for writing, too. */
export interface DiskFile extends DiskReader {
  /** Writes all of it, at `position` bytes from the start. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Resolves when content and size are on the medium. */
  sync(): Promise<void>;
}

/** The file system operations of the database. Every call rejects with a FileSyncError that names the remedy. */
export interface Disk {
  /** The path without symbolic links; its last part need not exist. */
  resolve(path: string): Promise<string>;
  /** Makes the folder and those above it, and makes them durable. */
  makeFolder(path: string): Promise<void>;
  /** The whole content; undefined if there is no such file. */
  read(path: string): Promise<Buffer | undefined>;
  /** Undefined if there is no such file. */
  openToRead(path: string): Promise<DiskReader | undefined>;
  /** Makes the file if there is none. */
  open(path: string): Promise<DiskFile>;
  /** Replaces `to`; durable after `syncFolder`. Resolves to whether there was a `from`. */
  rename(from: string, to: string): Promise<boolean>;
  /** A file that is gone already is a success. */
  remove(path: string): Promise<void>;
  /** Makes durable which names the folder holds. */
  syncFolder(path: string): Promise<void>;
}

export const nodeDisk: Disk = {
  resolve: path => translated('find', path, () => resolvePath(path)),
  makeFolder: path => translated('make a folder for', path, () => makeFolder(path)),
  read: path => translated('read', path, () => unless(['ENOENT'], readFile(path))),
  openToRead: path => translated('read', path, () => openToRead(path)),
  open: path => translated('write', path, async () => new NodeFile(path, await open(path, OPEN_OR_CREATE))),
  rename: (from, to) => translated('replace', to, () => renameIfThere(from, to)),
  remove: path => translated('remove', path, () => rm(path, { force: true })),
  syncFolder: path => translated('write', path, () => syncFolder(path)),
};

/** Read, write, create, and leave the content alone. */
const OPEN_OR_CREATE = constants.O_RDWR | constants.O_CREAT;

class NodeFile implements DiskFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return translated('write', this.#path, () => writeAll(this.#handle, bytes, position));
  }

  size(): Promise<number> {
    return translated('read', this.#path, async () => (await this.#handle.stat()).size);
  }

  read(buffer: Buffer, position: number): Promise<number> {
    return translated('read', this.#path, async () => {
      for (let done = 0; done < buffer.length;) {
        const { bytesRead } = await this.#handle.read(buffer, done, buffer.length - done, position + done);
        if (bytesRead === 0) return done;
        done += bytesRead;
      }
      return buffer.length;
    });
  }

  truncate(size: number): Promise<void> {
    return translated('write', this.#path, () => this.#handle.truncate(size));
  }

  sync(): Promise<void> {
    return translated('write', this.#path, () => this.#handle.datasync());
  }

  close(): Promise<void> {
    return translated('close', this.#path, () => this.#handle.close());
  }
}

async function openToRead(path: string): Promise<DiskReader | undefined> {
  const handle = await unless(['ENOENT'], open(path, constants.O_RDONLY));
  return handle && new NodeFile(path, handle);
}

async function resolvePath(path: string): Promise<string> {
  const real = await unless(['ENOENT'], realpath(path));
  return real ?? join(await realpath(dirname(path)), basename(path));
}

async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  const done = rename(from, to).then(() => true);
  return (await unless(['ENOENT'], done)) ?? false;
}

/** Errors of the configured path of the database, not of the disk. */
const WRONG_PATH: readonly (string | undefined)[] = [
  'EACCES',
  'EEXIST',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOTDIR',
  'EPERM',
  'EROFS',
];

async function translated<T>(act: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { kind, message } = diskError(error, path);
    const misplaced = WRONG_PATH.includes(codeOf(error));
    const remedy = misplaced ? ', or name another file as "database" in the configuration' : '';
    const details = { operation: 'write', path, cause: error };
    throw new FileSyncError(
      misplaced ? 'config' : kind,
      `cannot ${act} the database: ${message}${remedy}`,
      details,
    );
  }
}
