import { constants } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import net, { type Server } from 'node:net';
import { CrashFs, systemError, type Inode, type Mount } from './crash-fs.js';

/** Locks of databases are names that the whole machine shares: each process has folders of its own. */
const ROOT = `/filesync-model-${process.pid}`;
/** What lies above is another file system. */
const ABOVE: Place = { fs: new CrashFs(), dev: 2, path: '/', folder: ROOT, turn: async () => undefined };
const mounts = new Map<string, Mount>();
let count = 0;

/** A folder below which the program finds the file system. */
export function mount(one: Mount): string {
  const folder = `${ROOT}/${++count}`;
  mounts.set(folder, one);
  return folder;
}

export function unmount(folder: string): void {
  mounts.delete(folder);
}

/** Listening sockets that were made since the last call. */
export function takeServers(): Server[] {
  return servers.splice(0);
}

const servers: Server[] = [];
let realCalls = 0;

/** Calls to the real file system that have no answer yet. */
export const realCallsUnderWay = (): number => realCalls;

async function counted(call: unknown): Promise<unknown> {
  realCalls++;
  try {
    return await call;
  } finally {
    realCalls--;
  }
}

const real = { ...promises };
const realCreateServer = net.createServer;
type Call = (...args: never[]) => unknown;

/**
 * Puts the simulated file systems below one folder: what the program does there goes to them, everything else to the real
 * one. Undone by the function that it gives.
 */
export function interceptFileSystem(): () => void {
  for (const [name, fake] of Object.entries(fakes)) {
    const original = real[name as keyof typeof fakes] as unknown as (...args: unknown[]) => unknown;
    const replacement = (path: unknown, ...args: unknown[]): unknown => {
      const place = placeOf(path);
      if (place) return (fake as (...all: unknown[]) => unknown)(place, ...args);
      return counted(original(path, ...args));
    };
    Object.assign(promises, { [name]: replacement });
  }
  net.createServer = ((...args: Parameters<typeof realCreateServer>) => {
    const server = realCreateServer(...args);
    servers.push(server);
    return server;
  }) as typeof realCreateServer;
  syncBuiltinESMExports();
  return () => {
    Object.assign(promises, real);
    net.createServer = realCreateServer;
    syncBuiltinESMExports();
  };
}

/** A path in a simulated file system. */
interface Place {
  readonly fs: CrashFs;
  readonly dev: number;
  readonly path: string;
  readonly folder: string;
  readonly turn: () => Promise<void>;
}

/** Paths of open files, by descriptor; the real ones are far below. */
const opened = new Map<number, string>();
const FIRST_DESCRIPTOR = 1_000_000;
let descriptors = FIRST_DESCRIPTOR;

/** The path behind `/proc/self/fd/<descriptor>`, if it is one of ours. */
function throughDescriptor(text: string): string {
  const [, number, rest = ''] = /^\/proc\/self\/fd\/(\d{7,})(.*)$/.exec(text) ?? [];
  if (number === undefined) return text;
  const path = opened.get(Number(number));
  if (path === undefined) throw systemError('EBADF', text);
  return path + rest;
}

function placeOf(path: unknown): Place | undefined {
  const given = Buffer.isBuffer(path) ? path.toString('utf8') : path;
  const text = typeof given === 'string' ? throughDescriptor(given) : given;
  if (text === ROOT) return ABOVE;
  if (typeof text !== 'string' || !text.startsWith(`${ROOT}/`)) return undefined;
  const end = text.indexOf('/', ROOT.length + 1);
  const folder = end < 0 ? text : text.slice(0, end);
  const found = mounts.get(folder);
  if (!found) throw systemError('EIO', text);
  const { fs, life } = found;
  return { fs, folder, dev: 1, path: end < 0 ? '/' : text.slice(end), turn: () => life.turn() };
}

const statOf = (fs: CrashFs, node: { kind: 'folder' } | Inode, dev = 1) => ({
  dev,
  ...timesOf(node.kind === 'file' ? node.modified : 0),
  nlink: node.kind === 'file' ? fs.links(node) : 1,
  ino: node.kind === 'file' ? node.ino : 0,
  size: node.kind === 'file' ? node.content.length : 0,
  isFile: () => node.kind === 'file',
  isDirectory: () => node.kind === 'folder',
  isFIFO: () => false,
});

const timesOf = (ms: number) => ({ mtimeMs: ms, ctimeMs: ms, birthtimeMs: 0 });

const fakes = {
  access: async ({ fs, path, turn }: Place) => {
    await turn();
    fs.find(path);
  },
  open: async ({ fs, path, folder, turn }: Place, flags: number | string) => {
    await turn();
    const bits = typeof flags === 'number' ? flags : 0;
    const has = (bit: number) => (bits & bit) !== 0;
    const node = fs.open(path, { create: has(constants.O_CREAT), truncate: has(constants.O_TRUNC) });
    if (has(constants.O_DIRECTORY) && node.kind === 'file') throw systemError('ENOTDIR', path);
    return handleOf({ fs, path, folder, turn }, node);
  },
  lstat: async ({ fs, dev, path, turn }: Place) => {
    await turn();
    return statOf(fs, fs.find(path), dev);
  },
  stat: async ({ fs, path, turn }: Place) => {
    await turn();
    return statOf(fs, fs.find(path));
  },
  realpath: async ({ fs, path, folder, turn }: Place) => {
    await turn();
    fs.find(path);
    return path === '/' ? folder : folder + path;
  },
  mkdir: async ({ fs, path, folder, turn }: Place, options?: { recursive?: boolean }) => {
    await turn();
    const first = fs.mkdir(path, options?.recursive ?? false);
    return first === undefined ? undefined : folder + first;
  },
  readdir: async ({ fs, path, turn }: Place, options?: { withFileTypes?: boolean; encoding?: string }) => {
    await turn();
    const asBytes = options?.encoding === 'buffer';
    const entries = fs.names(path).map(one => ({ ...one, name: asBytes ? Buffer.from(one.name) : one.name }));
    if (!options?.withFileTypes) return entries.map(({ name }) => name);
    return entries.map(({ name, isFile }) => ({ name, isFile: () => isFile, isDirectory: () => !isFile }));
  },
  readFile: async ({ fs, path, turn }: Place) => {
    await turn();
    const node = fs.find(path);
    if (node.kind === 'folder') throw systemError('EISDIR', path);
    return Buffer.from(node.content);
  },
  rename: async ({ fs, path, turn }: Place, to: string) => {
    await turn();
    fs.rename(path, placeOf(to)?.path ?? to);
  },
  link: async ({ fs, path, turn }: Place, to: string) => {
    await turn();
    fs.link(path, placeOf(to)?.path ?? to);
  },
  unlink: async ({ fs, path, turn }: Place) => {
    await turn();
    fs.unlink(path);
  },
  rm: async ({ fs, path, turn }: Place) => {
    await turn();
    if (fs.get(path)) fs.unlink(path);
  },
  rmdir: async ({ fs, path, turn }: Place) => {
    await turn();
    fs.rmdir(path);
  },
  statfs: async ({ fs, path, turn }: Place) => {
    await turn();
    return fs.statfs(path);
  },
} satisfies Record<string, Call>;

function handleOf({ fs, path, folder, turn }: Omit<Place, 'dev'>, node: { kind: 'folder' } | Inode) {
  const fd = descriptors++;
  opened.set(fd, path === '/' ? folder : folder + path);
  const close = async () => {
    await turn();
    opened.delete(fd);
  };
  const file = (): Inode => {
    if (node.kind === 'file') return node;
    throw systemError('EISDIR', path);
  };
  const sync = async () => {
    await turn();
    fs.sync(path, node);
  };
  return {
    read: async (buffer: Buffer, offset: number, length: number, position: number) => {
      await turn();
      return { bytesRead: file().content.copy(buffer, offset, position, position + length), buffer };
    },
    write: async (bytes: Uint8Array, offset: number, length: number, position: number) => {
      await turn();
      fs.write(file(), bytes.subarray(offset, offset + length), position);
      return { bytesWritten: length, buffer: bytes };
    },
    stat: async () => {
      await turn();
      return statOf(fs, node);
    },
    truncate: async (size = 0) => {
      await turn();
      fs.truncate(file(), size);
    },
    ...{ sync, datasync: sync },
    ...{ fd, close },
    utimes: async (_accessed: number, modified: number) => {
      await turn();
      if (node.kind === 'file') node.modified = modified * 1000;
    },
    chmod: turn,
    [Symbol.asyncDispose]: close,
  };
}
