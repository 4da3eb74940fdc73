import type { StatsFs } from 'node:fs';
import { posix } from 'node:path';
import type { Random } from '../unit/db/crash-disk.js';
import type { ProcessLife } from './process-life.js';

interface Folder {
  readonly kind: 'folder';
}

interface Change {
  readonly bytes?: Uint8Array;
  /** Where the bytes go; without bytes the size that the file is cut to. */
  readonly at: number;
}

export interface Inode {
  readonly kind: 'file';
  readonly ino: number;
  /** What a reader sees. */
  content: Buffer;
  /** What is certainly on the medium. */
  durable: Buffer;
  unsynced: Change[];
  /** ms since the Unix epoch; survives a power cut as it is. */
  modified: number;
}

/** Which of the changes that were not synced are on the medium after a power cut. */
export type Survivors = <Part>(parts: readonly Part[]) => readonly Part[];

type Node = Folder | Inode;
export type Operation =
  'create' | 'write' | 'truncate' | 'sync' | 'mkdir' | 'rename' | 'link' | 'unlink' | 'rmdir';
type Names = Map<string, Node>;

interface NameChange {
  /** Whose names change. */
  readonly folder: string;
  readonly make: (names: Names) => void;
}

const dirname = (path: string): string => posix.dirname(path);
const FOLDER: Folder = { kind: 'folder' };
/** What the medium writes as one piece. */
const BLOCK = 512;
const TOTAL = 1 << 20;

/**
 * A file system in memory as strict as POSIX allows: content is on the medium after a sync of the file, names after a sync of
 * their folder. `disk-mount.ts` lets the program use it.
 */
export class CrashFs {
  /** Nothing more fits. */
  full = false;
  /** Told before a file loses its name. */
  onUnlink: (path: string) => void = () => undefined;
  /** Told after each change and each sync. */
  onChange: (operation: Operation, path: string) => void = () => undefined;
  /** A sync of such a path does nothing and reports success, as a medium that lies does. */
  ignoresSync: (path: string, node: 'file' | 'folder') => boolean = () => false;
  #names: Names = new Map([['/', FOLDER]]);
  #durableNames: Names = new Map(this.#names);
  #nameChanges: NameChange[] = [];

  // ---- what happens to the machine

  /** Of what was not synced, any part may be on the medium: of the names as well, in the order of the changes or in none. */
  powerCut(random: Random): void {
    const left = this.afterPowerCut(survivorsBy(random));
    this.#names = left.#names;
    this.#durableNames = left.#durableNames;
    this.#nameChanges = [];
  }

  /** What another machine finds on the medium. */
  afterPowerCut(pick: Survivors): CrashFs {
    const names = new Map(this.#durableNames);
    for (const folder of new Set(this.#nameChanges.map(one => one.folder)))
      for (const { make } of pick(this.#nameChanges.filter(one => one.folder === folder))) make(names);
    const isReachable = (path: string): boolean =>
      path === '/' || (names.get(dirname(path))?.kind === 'folder' && isReachable(dirname(path)));
    const kept = [...names].filter(([path]) => isReachable(path));
    const nodes = new Map(kept.map(([, node]) => [node, surviving(node, pick)]));
    const left = new CrashFs();
    left.#names = new Map(kept.map(([path, node]) => [path, nodes.get(node) ?? node]));
    left.#durableNames = new Map(left.#names);
    return left;
  }

  /** Whether the file and its name are certainly on the medium, with these bytes. */
  isDurable(path: string, bytes: Uint8Array): boolean {
    const node = this.#durableNames.get(path);
    if (node?.kind !== 'file' || node.unsynced.length > 0 || !node.durable.equals(bytes)) return false;
    return foldersAbove(path).every(folder => this.#durableNames.get(folder)?.kind === 'folder');
  }

  /** In how many parts what was not synced may be lost. */
  get unsyncedParts(): number {
    const files = [...new Set(this.#names.values())].filter(node => node.kind === 'file');
    return files.flatMap(({ unsynced }) => unsynced.flatMap(blocksOf)).length + this.#nameChanges.length;
  }
  // ---- the hand that looks and spoils

  get(path: string): Inode | undefined {
    const node = this.#names.get(path);
    return node?.kind === 'file' ? node : undefined;
  }

  paths(): string[] {
    return [...this.#names].flatMap(([path, node]) => (node.kind === 'file' ? [path] : []));
  }

  drop(path: string): void {
    this.#names.delete(path);
    this.#durableNames.delete(path);
  }

  // ---- system calls

  open(path: string, { create, truncate }: { create: boolean; truncate: boolean }): Node {
    const found = this.#names.get(path);
    if (!found && !create) throw systemError('ENOENT', path);
    const node = found ?? newFile();
    if (!found) {
      this.#mustHaveFolder(path);
      this.#change(path, names => names.set(path, node), 'create');
    }
    if (truncate && node.kind === 'file') this.truncate(node, 0);
    return node;
  }

  write(inode: Inode, bytes: Uint8Array, at: number): void {
    if (this.full && at + bytes.length > inode.content.length) throw systemError('ENOSPC', '');
    change(inode, { bytes: Uint8Array.from(bytes), at });
    this.onChange('write', '');
  }

  truncate(inode: Inode, at: number): void {
    if (at === inode.content.length) return;
    change(inode, { at });
    this.onChange('truncate', '');
  }

  sync(path: string, node: Node): void {
    if (this.ignoresSync(path, node.kind)) return;
    if (node.kind === 'file') Object.assign(node, { durable: node.content, unsynced: [] });
    else this.#syncNames(path);
    this.onChange('sync', path);
  }

  find(path: string): Node {
    const node = this.#names.get(path);
    if (!node) throw systemError('ENOENT', path);
    return node;
  }

  /** Gives the first folder that was made, if any was. */
  mkdir(path: string, recursive: boolean): string | undefined {
    if (this.#names.has(path)) {
      if (recursive && this.#names.get(path)?.kind === 'folder') return undefined;
      throw systemError('EEXIST', path);
    }
    const above = recursive ? this.mkdir(dirname(path), true) : this.#mustHaveFolder(path);
    if (this.full) throw systemError('ENOSPC', path);
    this.#change(path, names => names.set(path, FOLDER), 'mkdir');
    return above ?? path;
  }

  rename(from: string, to: string): void {
    const node = this.find(from);
    this.#mustHaveFolder(to);
    const make = (names: Names): void => {
      names.delete(from);
      names.set(to, node);
    };
    this.#change(to, make, 'rename');
  }

  link(from: string, to: string): void {
    const node = this.find(from);
    this.#mustHaveFolder(to);
    if (this.#names.has(to)) throw systemError('EEXIST', to);
    this.#change(to, names => names.set(to, node), 'link');
  }

  unlink(path: string): void {
    this.find(path);
    this.onUnlink(path);
    this.#change(path, names => names.delete(path), 'unlink');
  }

  rmdir(path: string): void {
    if (this.names(path).length > 0) throw systemError('ENOTEMPTY', path);
    this.#change(path, names => names.delete(path), 'rmdir');
  }

  /** Names in a folder, each with whether it is a file. */
  names(path: string): { name: string; isFile: boolean }[] {
    if (this.find(path).kind === 'file') throw systemError('ENOTDIR', path);
    return [...this.#names]
      .filter(([one]) => one !== '/' && dirname(one) === path)
      .map(([one, { kind }]) => ({ name: posix.basename(one), isFile: kind === 'file' }));
  }

  statfs(path: string): Pick<StatsFs, 'bavail' | 'blocks' | 'bsize'> {
    this.find(path);
    return { bavail: this.full ? 0 : TOTAL, blocks: TOTAL, bsize: BLOCK };
  }

  /** How many names the file has. */
  links(inode: Inode): number {
    return [...this.#names.values()].filter(node => node === inode).length;
  }

  #syncNames(path: string): void {
    for (const { folder, make } of this.#nameChanges) if (folder === path) make(this.#durableNames);
    this.#nameChanges = this.#nameChanges.filter(({ folder }) => folder !== path);
  }

  #mustHaveFolder(path: string): undefined {
    if (this.find(dirname(path)).kind === 'file') throw systemError('ENOTDIR', path);
  }

  #change(path: string, make: (names: Names) => void, operation: Operation): void {
    make(this.#names);
    this.#nameChanges.push({ folder: dirname(path), make });
    this.onChange(operation, path);
  }
}

/** The file system as one process sees it. */
export interface Mount {
  readonly fs: CrashFs;
  readonly life: ProcessLife;
}

export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

let inodes = 0;

const newFile = (): Inode => ({
  kind: 'file',
  ino: ++inodes,
  ...{ content: Buffer.alloc(0), durable: Buffer.alloc(0), unsynced: [], modified: 0 },
});

function change(inode: Inode, one: Change): void {
  inode.content = changed(inode.content, one);
  inode.unsynced.push(one);
}

function changed(content: Buffer, { bytes, at }: Change): Buffer {
  const result = Buffer.alloc(bytes ? Math.max(content.length, at + bytes.length) : at);
  content.copy(result);
  if (bytes) result.set(bytes, at);
  return result;
}

function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === '/' ? [above] : [...foldersAbove(above), above];
}

/** The parts of a change that reach the medium separately. */
function blocksOf({ bytes, at }: Change): Change[] {
  if (!bytes) return [{ at }];
  const blocks: Change[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + BLOCK - ((at + start) % BLOCK));
    blocks.push({ bytes: bytes.subarray(start, end), at: at + start });
    start = end;
  }
  return blocks;
}

/** All, none, the first ones, or any. */
export function survivorsBy(random: Random): Survivors {
  return parts => {
    const kind = Math.floor(random() * 4);
    const chance = kind === 3 ? random() : kind === 0 ? 0 : 1;
    const first = kind === 2 ? parts.slice(0, Math.floor(random() * (parts.length + 1))) : parts;
    return first.filter(() => random() < chance);
  };
}

function surviving(node: Node, pick: Survivors): Node {
  if (node.kind === 'folder') return node;
  const content = pick(node.unsynced.flatMap(blocksOf)).reduce(changed, node.durable);
  return { ...node, content, durable: content, unsynced: [] };
}
