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
}

type Node = Folder | Inode;
type Names = Map<string, Node>;

interface NameChange {
  /** Whose names change. */
  readonly folder: string;
  readonly make: (names: Names) => void;
}

const dirname = (path: string): string => posix.dirname(path);
const FOLDER: Folder = { kind: 'folder' };
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
  #names: Names = new Map([['/', FOLDER]]);
  #durableNames: Names = new Map(this.#names);
  #nameChanges: NameChange[] = [];

  // ---- what happens to the machine

  /** Of what was not synced, any part may be on the medium: of the names as well, in the order of the changes or in none. */
  powerCut(random: Random): void {
    const names = new Map(this.#durableNames);
    const inOrder = random() < 0.5;
    const folders = new Set(this.#nameChanges.map(({ folder }) => folder));
    for (const folder of folders) {
      const changes = this.#nameChanges.filter(one => one.folder === folder);
      for (const { make } of inOrder ? firstOf(changes, random) : someOf(changes, random)) make(names);
    }
    const isReachable = (path: string): boolean =>
      path === '/' || (names.get(dirname(path))?.kind === 'folder' && isReachable(dirname(path)));
    const kept = [...names].filter(([path]) => isReachable(path));
    const nodes = new Map(kept.map(([, node]) => [node, surviving(node, random)]));
    this.#names = new Map(kept.map(([path, node]) => [path, nodes.get(node) ?? node]));
    this.#durableNames = new Map(this.#names);
    this.#nameChanges = [];
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
      this.#change(path, names => names.set(path, node));
    }
    if (truncate && node.kind === 'file') this.truncate(node, 0);
    return node;
  }

  write(inode: Inode, bytes: Uint8Array, at: number): void {
    if (this.full && at + bytes.length > inode.content.length) throw systemError('ENOSPC', '');
    change(inode, { bytes: Uint8Array.from(bytes), at });
  }

  truncate(inode: Inode, at: number): void {
    if (at !== inode.content.length) change(inode, { at });
  }

  sync(path: string, node: Node): void {
    if (node.kind === 'file') {
      node.durable = node.content;
      node.unsynced = [];
      return;
    }
    for (const { folder, make } of this.#nameChanges) if (folder === path) make(this.#durableNames);
    this.#nameChanges = this.#nameChanges.filter(({ folder }) => folder !== path);
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
    this.#change(path, names => names.set(path, FOLDER));
    return above ?? path;
  }

  rename(from: string, to: string): void {
    const node = this.find(from);
    this.#mustHaveFolder(to);
    this.#change(to, names => {
      names.delete(from);
      names.set(to, node);
    });
  }

  link(from: string, to: string): void {
    const node = this.find(from);
    this.#mustHaveFolder(to);
    if (this.#names.has(to)) throw systemError('EEXIST', to);
    this.#change(to, names => names.set(to, node));
  }

  unlink(path: string): void {
    this.find(path);
    this.onUnlink(path);
    this.#change(path, names => names.delete(path));
  }

  rmdir(path: string): void {
    if (this.names(path).length > 0) throw systemError('ENOTEMPTY', path);
    this.#change(path, names => names.delete(path));
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

  #mustHaveFolder(path: string): undefined {
    if (this.find(dirname(path)).kind === 'file') throw systemError('ENOTDIR', path);
  }

  #change(path: string, make: (names: Names) => void): void {
    make(this.#names);
    this.#nameChanges.push({ folder: dirname(path), make });
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
  ...{ content: Buffer.alloc(0), durable: Buffer.alloc(0), unsynced: [] },
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

const firstOf = <Value>(all: readonly Value[], random: Random): readonly Value[] =>
  all.slice(0, Math.floor(random() * (all.length + 1)));

function someOf<Value>(all: readonly Value[], random: Random): readonly Value[] {
  const chance = random();
  return all.filter(() => random() < chance);
}

function surviving(node: Node, random: Random): Node {
  if (node.kind === 'folder') return node;
  const chance = Math.floor(random() * 3) / 2;
  const content = node.unsynced.filter(() => random() < chance).reduce(changed, node.durable);
  return { ...node, content, durable: content, unsynced: [] };
}
