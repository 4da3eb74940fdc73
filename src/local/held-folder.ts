import { constants, fstatSync, type PathLike, type Stats } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import { statIfThere } from './name-lookup.js';
import type { FileAccess } from './open-file.js';
import { syncFolder } from './sync-folder.js';

const WRITE_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

export interface CallOptions<Value> {
  /** Its abort ends the wait, not the call. */
  readonly signal?: AbortSignal;
  /** The call writes bytes to the disk, so its timeout is longer. */
  readonly flushes?: boolean;
  /** Disposes of an answer that comes after the end of the wait. */
  readonly discard?: (value: Value) => unknown;
}

/** How the calls to one file system are made. */
export interface FileCalls {
  /** See name-lookup.ts. */
  readonly local: boolean;
  do<Value>(work: () => Promise<Value>, options?: CallOptions<Value>): Promise<Value>;
}

export type Name = string | Buffer;
/** Leads to an entry of a folder that is held open. */
export type EntryPath = (name: Name) => PathLike;

/** An open folder: its file descriptor keeps leading to it. */
export interface Handle {
  readonly fd: number;
  stat(): Promise<Stats>;
  close(): Promise<void>;
}

export const pathOf = ({ fd }: Handle): string => `/proc/self/fd/${fd}`;

export const entryOf = (folder: Name, name: Name): Name =>
  typeof name === 'string' && typeof folder === 'string'
    ? `${folder}/${name}`
    : Buffer.concat([Buffer.from(folder), SLASH, Buffer.from(name)]);

const SLASH = Buffer.from('/');

/** A folder that is held open: its entries are reached wherever its path leads by now. */
export class HeldFolder {
  readonly #handle: Handle;
  readonly #calls: FileCalls;
  readonly #onClose: () => void;
  #users = 1;
  #identity: string | undefined;

  constructor(handle: Handle, calls: FileCalls, onClose: () => void) {
    this.#handle = handle;
    this.#calls = calls;
    this.#onClose = onClose;
  }

  /** Held once more if this is the folder that was found; undefined if it is another one. */
  share(found: Stats): HeldFolder | undefined {
    if (identityOf(found) !== this.#known()) return undefined;
    this.#users++;
    return this;
  }

  /** The folder stays open until the call has its answer, even if nobody waits for that any more. */
  do<Value>(
    work: (entry: EntryPath, folder: string) => Promise<Value>,
    options?: CallOptions<Value>,
  ): Promise<Value> {
    const path = pathOf(this.#handle);
    const call = async () => {
      this.#users++;
      try {
        return await work(name => entryOf(path, name), path);
      } finally {
        await this.release();
      }
    };
    return this.#calls.do(call, options);
  }

  /** The entry of that name, of any kind; undefined if there is none. */
  find(name: Name, options?: CallOptions<Stats | undefined>): Promise<Stats | undefined> {
    return this.do(entry => statIfThere(entry(name), this.#calls.local), options);
  }

  /** Makes what is new or renamed in the folder survive a power cut; see `syncFolder`. */
  sync(signal?: AbortSignal): Promise<void> {
    const { local } = this.#calls;
    const synced = () => syncHandle(this.#handle, local, local ? this.#known() : undefined);
    return this.do(synced, { flushes: true, ...(signal && { signal }) });
  }

  /**
   * Opens a file to write, and makes it where it is missing. A file that has other names as well is another's, as is a pipe: the
   * name is taken from it, and a new file is made.
   */
  async openOwn<File extends Pick<FileAccess, 'stat' | 'close'>>(
    name: Name,
    open: (flags: number) => Promise<File>,
    options?: Pick<CallOptions<void>, 'signal'>,
  ): Promise<File> {
    const file = await open(WRITE_FLAGS);
    const found = await file.stat();
    if (!found.isFIFO() && !(found.nlink > 1)) return file;
    await file.close();
    await this.do(entry => unlink(entry(name)), options);
    return open(WRITE_FLAGS | constants.O_EXCL);
  }

  /** Renames an entry, durably. False, and nothing is changed, if the name is taken. */
  async renameIfFree(from: string, to: string): Promise<boolean> {
    if (await this.find(to)) return false;
    await this.do(entry => rename(entry(from), entry(to)));
    await this.sync();
    return true;
  }

  /** Its identity, which does not change. Not to be asked for where the file system may block. */
  #known(): string {
    return (this.#identity ??= identityOf(fstatSync(this.#handle.fd)));
  }

  /** Gives the folder up; it is closed when its last call has its answer. */
  async release(): Promise<void> {
    if (--this.#users > 0) return;
    this.#onClose();
    await this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/** Calls for one folder at the same time share a sync where that costs nothing to find out. */
export async function syncHandle(handle: Handle, local: boolean, identity?: string): Promise<void> {
  const path = pathOf(handle);
  if (!local) return syncFolder(path, local, `${path}#${++unshared}`);
  return syncFolder(path, local, identity ?? identityOf(await handle.stat()));
}

let unshared = 0;

export const identityOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`;
