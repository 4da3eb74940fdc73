import { FileSyncError } from '../../../src/errors.js';
import type { Disk, DiskFile, DiskReader } from '../../../src/db/disk.js';

const SECTOR = 512;

/** Gives numbers from 0 up to 1. */
export type Random = () => number;

/** The same numbers for the same seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What happened to a file since it was synced. */
type Unsynced = { readonly bytes: Buffer; readonly position: number } | { readonly size: number };

interface Inode {
  /** What a reader sees. */
  content: Buffer;
  /** What is certainly on the medium. */
  durable: Buffer;
  unsynced: Unsynced[];
}

type Names = Map<string, Inode>;
type NameChange = (names: Names) => void;

/** What an operation is about to do; the hook may throw in its place. */
export interface Operation {
  /** Counts from 1. */
  readonly number: number;
  readonly name: 'read' | 'open' | 'write' | 'truncate' | 'sync' | 'rename' | 'remove' | 'syncFolder';
  readonly path: string;
}

/**
 * A file system in memory that keeps apart what is written and what is certainly on the medium, as POSIX does: content
 * by `sync`, names by `syncFolder`. It can be cut off at any operation, and then shows what a disk might hold.
 */
export class CrashDisk implements Disk {
  readonly #names: Names;
  readonly #durableNames: Names;
  #nameChanges: NameChange[] = [];
  /** Operations so far. */
  operations = 0;
  /** The operation at which the machine stops, in the middle of it; every later one fails too. */
  crashAt = Infinity;
  /** May throw, to have the operation fail before it does anything. */
  hook: (operation: Operation) => void = () => undefined;

  constructor(files: ReadonlyMap<string, Buffer> = new Map()) {
    this.#names = new Map([...files].map(([path, content]) => [path, durableInode(content)]));
    this.#durableNames = new Map(this.#names);
  }

  /** The files as another process sees them: all that was written. */
  files(): Map<string, Buffer> {
    return new Map([...this.#names].map(([path, inode]) => [path, inode.content]));
  }

  /** One of the many things that the medium may hold after a power cut: names in the order of their changes, or in none. */
  afterPowerCut(random: Random): Map<string, Buffer> {
    const names = new Map(this.#durableNames);
    const survived = Math.floor(random() * (this.#nameChanges.length + 1));
    const chance = random() < 0.5 ? 1 : 0.5;
    for (const change of this.#nameChanges.slice(0, survived)) if (random() < chance) change(names);
    return new Map([...names].map(([path, inode]) => [path, survivingContent(inode, random)]));
  }

  async resolve(path: string): Promise<string> {
    return path;
  }

  async makeFolder(): Promise<void> {}

  async read(path: string): Promise<Buffer | undefined> {
    this.#step('read', path);
    return this.#names.get(path)?.content;
  }

  async openToRead(path: string): Promise<DiskReader | undefined> {
    this.#step('open', path);
    const inode = this.#names.get(path);
    return inode && this.#file(path, inode);
  }

  async open(path: string): Promise<DiskFile> {
    this.#step('open', path);
    const inode = this.#names.get(path) ?? durableInode(Buffer.alloc(0));
    if (!this.#names.has(path)) this.#rename(names => names.set(path, inode));
    return this.#file(path, inode);
  }

  async rename(from: string, to: string): Promise<boolean> {
    this.#step('rename', to);
    const inode = this.#names.get(from);
    if (!inode) return false;
    this.#rename(names => {
      names.delete(from);
      names.set(to, inode);
    });
    return true;
  }

  async remove(path: string): Promise<void> {
    this.#step('remove', path);
    this.#rename(names => names.delete(path));
  }

  async syncFolder(path: string): Promise<void> {
    this.#step('syncFolder', path);
    for (const change of this.#nameChanges.splice(0)) change(this.#durableNames);
  }

  #file(path: string, inode: Inode): DiskFile {
    return {
      size: async () => {
        this.#step('read', path);
        return inode.content.length;
      },
      read: async (buffer, position) => {
        this.#step('read', path);
        return inode.content.copy(buffer, 0, position);
      },
      write: async (bytes, position) => {
        // The crash comes in the middle of the write: the bytes are on their way, the caller never hears of them.
        if (this.operations + 1 === this.crashAt) apply(inode, { bytes: Buffer.from(bytes), position });
        this.#step('write', path);
        apply(inode, { bytes: Buffer.from(bytes), position });
      },
      truncate: async size => {
        this.#step('truncate', path);
        apply(inode, { size });
      },
      sync: async () => {
        this.#step('sync', path);
        inode.durable = inode.content;
        inode.unsynced = [];
      },
      close: async () => undefined,
    };
  }

  #rename(change: NameChange): void {
    change(this.#names);
    this.#nameChanges.push(change);
  }

  #step(name: Operation['name'], path: string): void {
    this.operations += 1;
    if (this.operations >= this.crashAt) throw new FileSyncError('io', 'the machine is off');
    this.hook({ number: this.operations, name, path });
  }
}

function durableInode(content: Buffer): Inode {
  return { content, durable: content, unsynced: [] };
}

function apply(inode: Inode, change: Unsynced): void {
  inode.content = changed(inode.content, change);
  inode.unsynced.push(change);
}

function changed(content: Buffer, change: Unsynced, survives = () => true): Buffer {
  if ('size' in change) return survives() ? resized(content, change.size) : content;
  const sectors = sectorsOf(change).filter(survives);
  const end = Math.max(0, ...sectors.map(sector => sector.position + sector.bytes.length));
  const result = resized(content, Math.max(content.length, end));
  for (const { bytes, position } of sectors) bytes.copy(result, position);
  return result;
}

function resized(content: Buffer, size: number): Buffer {
  const result = Buffer.alloc(size);
  content.copy(result);
  return result;
}

function sectorsOf({ bytes, position }: { bytes: Buffer; position: number }) {
  const sectors: { bytes: Buffer; position: number }[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + SECTOR - ((position + start) % SECTOR));
    sectors.push({ bytes: bytes.subarray(start, end), position: position + start });
    start = end;
  }
  return sectors;
}

/** Of what was not synced, each sector made it to the medium or not, in any order. */
function survivingContent(inode: Inode, random: Random): Buffer {
  return inode.unsynced.reduce((content, change) => {
    const chance = Math.floor(random() * 3) / 2;
    return changed(content, change, () => random() < chance);
  }, inode.durable);
}
