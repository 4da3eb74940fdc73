import { closeSync, constants, fstatSync, openSync, type PathLike, type Stats } from 'node:fs';
import { lstat, mkdir, open, realpath, rename, rmdir } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { FileSyncError } from '../errors.js';
import { codeOf, unless } from './disk-error.js';
import { statIfThere } from './name-lookup.js';
import { OpenFile } from './open-file.js';
import { NOT_OURS, syncAbove, syncFolder } from './sync-folder.js';

/** Only names a place in the file system; needs no permission to read it (open(2) of Linux; Node has no name for it). */
const O_PATH = 0o10000000;
const FOLDER_FLAGS = O_PATH | constants.O_DIRECTORY;
const NEVER_A_LINK = FOLDER_FLAGS | constants.O_NOFOLLOW;
const MAX_LINKS = 8;

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

export interface FoldersOptions {
  readonly calls?: FileCalls;
  /** A symbolic link that stays inside the root is followed as a folder, or refused as one that leads out. */
  readonly links?: 'inside' | 'refused';
  /** Whether a missing root is made alone, or with what is missing above it. */
  readonly root?: 'alone' | 'with-parents';
  /** Of the folders that are made. */
  readonly mode?: number;
}

export interface FolderOptions {
  readonly signal?: AbortSignal | undefined;
  /** The folder is made where it is missing, durably. */
  readonly make?: boolean;
  /** The names of the folder, and of all above it, are brought to the disk first: another process may have made them. */
  readonly durable?: boolean;
}

type Name = string | Buffer;
/** Leads to an entry of a folder that is held open. */
export type EntryPath = (name: Name) => PathLike;

const DIRECT: FileCalls = { local: false, do: work => work() };

/** An open folder: its file descriptor keeps leading to it. */
interface Handle {
  readonly fd: number;
  stat(): Promise<Stats>;
  close(): Promise<void>;
}

const pathOf = ({ fd }: Handle): string => `/proc/self/fd/${fd}`;

const entryOf = (folder: string, name: Name): PathLike =>
  typeof name === 'string' ? `${folder}/${name}` : Buffer.concat([Buffer.from(`${folder}/`), name]);

/** A folder that is held open: its entries are reached wherever its path leads by now. */
export class HeldFolder {
  readonly #handle: Handle;
  readonly #calls: FileCalls;
  #users = 1;

  constructor(handle: Handle, calls: FileCalls) {
    this.#handle = handle;
    this.#calls = calls;
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
    const synced = () => syncHandle(this.#handle, this.#calls.local);
    return this.do(synced, { flushes: true, ...(signal && { signal }) });
  }

  /** Renames an entry, durably. False, and nothing is changed, if the name is taken. */
  async renameIfFree(from: string, to: string): Promise<boolean> {
    if (await this.find(to)) return false;
    await this.do(entry => rename(entry(from), entry(to)));
    await this.sync();
    return true;
  }

  /** Gives the folder up; it is closed when its last call has its answer. */
  async release(): Promise<void> {
    if (--this.#users === 0) await this.#handle.close();
  }
}

/** Calls for one folder at the same time share a sync where that costs nothing to find out. */
async function syncHandle(handle: Handle, local: boolean): Promise<void> {
  const path = pathOf(handle);
  if (!local) return syncFolder(path, local, `${path}#${++unshared}`);
  return syncFolder(path, local, identityOf(await handle.stat()));
}

let unshared = 0;

/**
 * Opens and makes folders below one root, component by component, each from the open folder above it: none is reached through a
 * symbolic link that leads out of the root, whenever that is put there. The root's own path may have links.
 */
export class Folders {
  readonly #root: string;
  readonly #calls: FileCalls;
  readonly #options: FoldersOptions;
  /** Folders whose names this process knows to be on disk: `''` is the root. */
  readonly #durable = new Set<string>();
  #rootIdentity = '';

  /** @param root absolute */
  constructor(root: string, options: FoldersOptions = {}) {
    this.#root = root;
    this.#calls = options.calls ?? DIRECT;
    this.#options = options;
  }

  /**
   * Calls `use` while the folder is held open. `folder` is relative to the root, without `..`. Throws `denied` where it would leave
   * the root, else raw errors.
   */
  async in<Value>(
    folder: Name,
    use: (at: HeldFolder) => Promise<Value>,
    { signal, make = false, durable = make }: FolderOptions = {},
  ): Promise<Value> {
    const parts = partsOf(folder);
    const opening = async () => {
      const handle = this.#openAtOnce(parts, durable) ?? (await this.#descend(parts, { make, durable }));
      return new HeldFolder(handle, this.#calls);
    };
    const held = await this.#calls.do(opening, {
      ...(signal && { signal }),
      flushes: durable,
      discard: late => late.release(),
    });
    try {
      return await use(held);
    } finally {
      await held.release();
    }
  }

  /** Removes the folder and those above it, up to the root, while they are empty. Errors are ignored. Returns the last one left. */
  async removeEmpty(folder: string): Promise<string> {
    if (folder === '' || folder === '.') return '';
    const above = dirname(folder);
    const removing = () => this.in(above, at => at.do(entry => rmdir(entry(basename(folder)))));
    const removed = await removing().then(
      () => true,
      (error: unknown) => codeOf(error) === 'ENOENT',
    );
    if (!removed) return folder;
    this.#durable.delete(partsOf(folder).join('/'));
    return this.removeEmpty(above);
  }

  /**
   * The folder, by synchronous calls alone, which cost a tenth of the others. Undefined where that cannot be done: the file system
   * may block, something is missing or is a link, or is not known to be on disk.
   */
  #openAtOnce(parts: readonly Name[], durable: boolean): Handle | undefined {
    if (!this.#calls.local || (durable && !this.#durable.has(''))) return undefined;
    let fd: number | undefined;
    try {
      fd = openSync(this.#root, FOLDER_FLAGS);
      if (durable && identityOf(fstatSync(fd)) !== this.#rootIdentity) return undefined;
      let path = '';
      for (const part of parts) {
        path = below(path, part);
        if (durable && !this.#durable.has(path)) return undefined;
        const next = openSync(entryOf(`/proc/self/fd/${fd}`, part), NEVER_A_LINK);
        closeSync(fd);
        fd = next;
      }
      const handle = new OpenFile(fd);
      fd = undefined;
      return handle;
    } catch {
      return undefined;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  async #descend(parts: readonly Name[], wanted: Wanted, links = 0): Promise<Handle> {
    let at = await this.#openRoot(wanted);
    let path = '';
    for (const [index, part] of parts.entries()) {
      const above = at;
      path = below(path, part);
      try {
        at = await this.#step(above, part, path, wanted);
      } catch (error) {
        const inside = await this.#linkInside(above, part, path, error);
        if (links === MAX_LINKS) throw error;
        return this.#descend([...inside, ...parts.slice(index + 1)], wanted, links + 1);
      } finally {
        await above.close();
      }
    }
    return at;
  }

  async #openRoot({ make, durable }: Wanted): Promise<Handle> {
    const opening = this.#open(this.#root, FOLDER_FLAGS);
    const found = make ? await unless(['ENOENT'], opening) : await opening;
    if (!found) await this.#makeRoot();
    const root = found ?? (await this.#open(this.#root, FOLDER_FLAGS));
    try {
      if (durable) await this.#settleRoot(root, !found);
      return root;
    } catch (error) {
      await root.close();
      throw error;
    }
  }

  async #makeRoot(): Promise<void> {
    const { mode = 0o777, root } = this.#options;
    if (root === 'with-parents') await mkdir(this.#root, { recursive: true, mode });
    else await makeFolder(this.#root, mode);
  }

  /** Another folder may be in the root's place by now: nothing is known of it. */
  async #settleRoot(root: Handle, isNew: boolean): Promise<void> {
    const identity = identityOf(await root.stat());
    if (isNew || identity !== this.#rootIdentity) this.#durable.clear();
    this.#rootIdentity = identity;
    if (this.#durable.has('')) return;
    await syncAbove(this.#root);
    this.#durable.add('');
  }

  /** The folder of that name in the one above. */
  async #step(above: Handle, part: Name, path: string, { make, durable }: Wanted): Promise<Handle> {
    const entry = entryOf(pathOf(above), part);
    const opening = this.#open(entry, NEVER_A_LINK);
    const found = make ? await unless(['ENOENT'], opening) : await opening;
    const isNew = !found && (await makeFolder(entry, this.#options.mode));
    if (isNew) this.#durable.delete(path);
    const folder = found ?? (await this.#open(entry, NEVER_A_LINK));
    try {
      if (durable) await this.#settle(above, path, isNew);
      return folder;
    } catch (error) {
      await folder.close();
      throw error;
    }
  }

  async #settle(above: Handle, path: string, isNew: boolean): Promise<void> {
    if (this.#durable.has(path)) return;
    await unless(isNew ? [] : NOT_OURS, syncHandle(above, this.#calls.local));
    this.#durable.add(path);
  }

  /** The way from the root to where the link leads. Throws the error that led here unless there is a link that stays inside. */
  async #linkInside(above: Handle, part: Name, path: string, error: unknown): Promise<Name[]> {
    const entry = entryOf(pathOf(above), part);
    if (codeOf(error) !== 'ENOTDIR' || !(await lstat(entry)).isSymbolicLink()) throw error;
    const refused = Object.assign(new Error(`${path} is a symbolic link`), { code: 'ELOOP' });
    if (this.#options.links === 'refused') throw refused;
    const [root, real] = await Promise.all([realpath(this.#root), realpath(entry)]);
    if (real === root || real.startsWith(root.endsWith(sep) ? root : root + sep))
      return partsOf(relative(root, real));
    const place = join(this.#root, path);
    const message = `${place} is a link that leads out of ${this.#root}: remove it`;
    throw new FileSyncError('denied', message, { path: place });
  }

  async #open(path: PathLike, flags: number): Promise<Handle> {
    return this.#calls.local ? OpenFile.openSync(path, flags) : open(path, flags);
  }
}

const identityOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`;

const below = (folder: string, part: Name): string =>
  folder === '' ? String(part) : `${folder}/${String(part)}`;

interface Wanted {
  readonly make: boolean;
  readonly durable: boolean;
}

/** Makes the folder. False if the name is taken. */
async function makeFolder(path: PathLike, mode = 0o777): Promise<boolean> {
  const making = mkdir(path, { mode }).then(() => true);
  return (await unless(['EEXIST'], making)) ?? false;
}

/** Bytes stay bytes: a name need not be UTF-8. */
function partsOf(folder: Name): Name[] {
  const isText = typeof folder === 'string';
  const parts = (isText ? folder : folder.toString('latin1')).split('/');
  if (parts.includes('..')) throw new FileSyncError('bad-name', `${String(folder)} leads out of its folder`);
  const named = parts.filter(part => part !== '' && part !== '.');
  return isText ? named : named.map(part => Buffer.from(part, 'latin1'));
}
