import { closeSync, constants, fstatSync, lstatSync, statSync, type PathLike, type Stats } from 'node:fs';
import { chmod, lstat, mkdir, open, realpath, rmdir } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { FileSyncError } from '../errors.js';
import { codeOf, unless } from './disk-error.js';
import { isForOthers } from '../system/file-modes.js';
import {
  entryOf,
  HeldFolder,
  identityOf,
  pathOf,
  syncHandle,
  type FileCalls,
  type Handle,
  type Name,
} from './held-folder.js';
import { OpenFile } from './open-file.js';
import { NOT_OURS, syncAbove } from './sync-folder.js';

/** Only names a place in the file system; needs no permission to read it (open(2) of Linux; Node has no name for it). */
const O_PATH = 0o10000000;
const FOLDER_FLAGS = O_PATH | constants.O_DIRECTORY;
const NEVER_A_LINK = FOLDER_FLAGS | constants.O_NOFOLLOW;
const MAX_LINKS = 8;

export interface FoldersOptions {
  readonly calls?: FileCalls;
  /** A symbolic link that stays inside the root is followed as a folder, or refused as one that leads out. */
  readonly links?: 'inside' | 'refused';
  /** Whether a missing root is made alone, or with what is missing above it. */
  readonly root?: 'alone' | 'with-parents';
  /** Of the folders that are made; else the process's umask decides. */
  readonly mode?: number | undefined;
}

export interface FolderOptions {
  readonly signal?: AbortSignal | undefined;
  /** The folder is made where it is missing, durably. */
  readonly make?: boolean;
  /** The names of the folder, and of all above it, are brought to the disk first: another process may have made them. */
  readonly durable?: boolean;
}

const DIRECT: FileCalls = { local: false, do: work => work() };

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
  /** The folders that are held, by path: calls at the same time share them. */
  readonly #held = new Map<string, HeldFolder>();
  #rootIdentity = '';

  /** @param root absolute */
  constructor(root: string, options: FoldersOptions = {}) {
    this.#root = root;
    this.#calls = options.calls ?? DIRECT;
    this.#options = options;
  }

  /** Calls `use` while the folder is held open; see `hold`. */
  async in<Value>(
    folder: Name,
    use: (at: HeldFolder) => Promise<Value>,
    options?: FolderOptions,
  ): Promise<Value> {
    const held = await this.hold(folder, options);
    try {
      return await use(held);
    } finally {
      await held.release();
    }
  }

  /**
   * The open folder, until it is released. `folder` is relative to the root, without `..`. Throws `denied` where it would leave the
   * root, else raw errors.
   */
  hold(folder: Name, { signal, make = false, durable = make }: FolderOptions = {}): Promise<HeldFolder> {
    const parts = partsOf(folder);
    const opening = async () =>
      this.#share(parts, durable) ??
      this.#keep(parts, this.#openAtOnce(parts, durable) ?? (await this.#descend(parts, { make, durable })));
    return this.#calls.do(opening, {
      ...(signal && { signal }),
      flushes: durable,
      discard: late => late.release(),
    });
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

  /** Of folders on file systems that may block, none is shared: to ask whether it is the same could block. */
  #keep(parts: readonly Name[], handle: Handle): HeldFolder {
    const path = parts.join('/');
    const forget = () => this.#held.get(path) === held && this.#held.delete(path);
    const held: HeldFolder = new HeldFolder(handle, this.#calls, forget);
    if (handle instanceof OpenFile) this.#held.set(path, held);
    return held;
  }

  /** The folder as another call holds it, if its path still leads to it, without a link below the root. */
  #share(parts: readonly Name[], durable: boolean): HeldFolder | undefined {
    const held = this.#held.get(parts.join('/'));
    if (!held || !this.#needsNoThread(parts, durable)) return undefined;
    try {
      if (durable && identityOf(statSync(this.#root)) !== this.#rootIdentity) return undefined;
      const found = folderBelow(this.#root, parts);
      return found && held.share(found);
    } catch {
      // The caller opens the folder next, meets the same error, and reports it.
      return undefined;
    }
  }

  /**
   * The folder, by synchronous calls alone, which cost a tenth of the others. Undefined where that cannot be done: the file system
   * may block, something is missing or is a link, or is not known to be on disk.
   */
  #openAtOnce(parts: readonly Name[], durable: boolean): Handle | undefined {
    if (!this.#needsNoThread(parts, durable)) return undefined;
    try {
      const root = OpenFile.openSync(this.#root, FOLDER_FLAGS);
      const isOther = durable && identityOf(fstatSync(root.fd)) !== this.#rootIdentity;
      if (!isOther) return parts.reduce(openNext, root);
      closeSync(root.fd);
    } catch {
      // The asynchronous calls meet the same error and report it.
    }
    return undefined;
  }

  /** The file system does not block, and nothing has to be brought to the disk. */
  #needsNoThread(parts: readonly Name[], durable: boolean): boolean {
    return this.#calls.local && (!durable || this.#isDurable(parts));
  }

  #isDurable(parts: readonly Name[]): boolean {
    let path = '';
    const paths = ['', ...parts.map(part => (path = below(path, part)))];
    return paths.every(one => this.#durable.has(one));
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
      if (!found) await this.#openToOthers(root);
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
      if (isNew) await this.#openToOthers(folder);
      if (durable) await this.#settle(above, path, isNew);
      return folder;
    } catch (error) {
      await folder.close();
      throw error;
    }
  }

  async #openToOthers(folder: Handle): Promise<void> {
    const { mode } = this.#options;
    if (mode !== undefined && isForOthers(mode)) await unless(['EPERM'], chmod(pathOf(folder), mode));
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

/** Undefined where a part of the path is a link, or no folder. */
function folderBelow(root: string, parts: readonly Name[]): Stats | undefined {
  if (parts.length === 0) return statSync(root);
  const paths = parts.map((_part, index) => parts.slice(0, index + 1).reduce(entryOf, root));
  const found = paths.map(path => lstatSync(path));
  return found.every(one => one.isDirectory()) ? found.at(-1) : undefined;
}

/** Closes the folder above in any case. */
function openNext(above: OpenFile, part: Name): OpenFile {
  try {
    return OpenFile.openSync(entryOf(pathOf(above), part), NEVER_A_LINK);
  } finally {
    closeSync(above.fd);
  }
}

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
