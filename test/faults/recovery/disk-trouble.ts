import fs, { type PathLike } from 'node:fs';
import promises, { open as openFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const CODES = {
  full: 'ENOSPC',
  'read-only': 'EROFS',
  'I/O errors': 'EIO',
  'permission denied': 'EACCES',
} as const;
export type DiskTrouble = keyof typeof CODES;

type Call = (...args: unknown[]) => unknown;
type Owner = Record<string, Call>;

const BY_PATH = ['mkdir', 'rename', 'link', 'unlink', 'rm', 'rmdir'];
const READ_BY_PATH = ['readdir', 'access', 'lstat', 'stat'];
const WRITE_BY_FD = ['write', 'fsync', 'fdatasync', 'ftruncate', 'sync', 'datasync', 'truncate'];
const WRITE_FLAGS = fs.constants.O_WRONLY | fs.constants.O_RDWR | fs.constants.O_CREAT;

/** What of the calls below the folder fails. */
class TroubledFolder {
  readonly #folder: string;
  readonly #trouble: DiskTrouble;
  struck = 0;

  constructor(folder: string, trouble: DiskTrouble) {
    this.#folder = folder;
    this.#trouble = trouble;
  }

  fails(name: string, subject: unknown, args: readonly unknown[]): boolean {
    const path = pathOf(subject);
    const isBelow = path === this.#folder || path.startsWith(`${this.#folder}/`);
    if (!isBelow || !this.#isAffected(name, subject, args)) return false;
    this.struck++;
    return true;
  }

  error(name: string, subject: unknown): Error {
    const code = CODES[this.#trouble];
    return Object.assign(new Error(`${code}: ${name} '${pathOf(subject)}'`), { code, syscall: name });
  }

  #isAffected(name: string, subject: unknown, args: readonly unknown[]): boolean {
    const isOpen = name === 'open' || name === 'openSync';
    switch (this.#trouble) {
      case 'full':
        return name === 'mkdir' || (name === 'write' && grows(subject, args));
      case 'read-only':
        return isOpen ? writes(args[0]) : BY_PATH.includes(name) || name === 'write';
      case 'permission denied':
        return isOpen || BY_PATH.includes(name) || name === 'readdir' || name === 'access';
      case 'I/O errors':
        return (
          isOpen ||
          name === 'read' ||
          [BY_PATH, READ_BY_PATH, WRITE_BY_FD].some(names => names.includes(name))
        );
    }
  }
}

const writes = (flags: unknown): boolean => typeof flags === 'number' && (flags & WRITE_FLAGS) !== 0;

/** Bytes that overwrite others need no space. */
function grows(fd: unknown, [, , length, position]: readonly unknown[]): boolean {
  return Number(position) + Number(length) > real.fstatSync(Number(fd)).size;
}

const real = { ...fs };

/** The path of a path, or of an open file. */
function pathOf(subject: unknown): string {
  const path = typeof subject === 'number' ? `/proc/self/fd/${subject}` : String(subject);
  const [, fd, rest = ''] = /^\/proc\/self\/fd\/(\d+)(.*)$/.exec(path) ?? [];
  if (fd === undefined) return path;
  try {
    return real.readlinkSync(`/proc/self/fd/${fd}`) + rest;
  } catch {
    return path;
  }
}

/** Until the returned function is called, a folder of the real file system behaves as one on a broken disk. */
export async function breakDisk(folder: string, trouble: DiskTrouble) {
  const troubled = new TroubledFolder(folder, trouble);
  await using handle = await openFile('/dev/null');
  const handles = Object.getPrototypeOf(handle) as Owner;
  const undo = [
    replace(promises as unknown as Owner, [...BY_PATH, ...READ_BY_PATH, 'open'], troubled, rejecting),
    replace(fs as unknown as Owner, ['openSync', 'lstatSync'], troubled, throwing),
    replace(
      fs as unknown as Owner,
      ['open', 'write', 'fsync', 'fdatasync', 'ftruncate', 'read'],
      troubled,
      calling,
    ),
    replace(handles, ['write', 'read', 'sync', 'datasync', 'truncate'], troubled, rejecting),
    ...(trouble === 'full' ? [withoutSpace(folder)] : []),
  ];
  syncBuiltinESMExports();
  const lift = (): void => {
    for (const one of undo) one();
    syncBuiltinESMExports();
  };
  return { lift, struck: () => troubled.struck };
}

const rejecting = (error: Error): unknown => Promise.reject(error);
const throwing = (error: Error): unknown => {
  throw error;
};
const calling = (error: Error, args: readonly unknown[]): unknown =>
  setImmediate(args.at(-1) as (error: Error) => void, error);

function replace(
  owner: Owner,
  names: readonly string[],
  troubled: TroubledFolder,
  fail: (error: Error, args: readonly unknown[]) => unknown,
): () => void {
  const originals = names.map(name => [name, owner[name] as Call] as const);
  for (const [name, original] of originals)
    owner[name] = function (this: { fd?: number }, ...args: unknown[]) {
      const isMethod = typeof this?.fd === 'number';
      const [subject, rest] = isMethod ? [this.fd, args] : [args[0], args.slice(1)];
      if (troubled.fails(name, subject, rest)) return fail(troubled.error(name, subject), args);
      return original.apply(this, args);
    };
  return () => originals.forEach(([name, original]) => (owner[name] = original));
}

function withoutSpace(folder: string): () => void {
  const { statfs } = promises;
  const full = async (path: PathLike) => {
    const found = await statfs(path);
    return pathOf(path).startsWith(folder) ? Object.assign(found, { bavail: 0, bfree: 0 }) : found;
  };
  Object.assign(promises, { statfs: full });
  return () => void Object.assign(promises, { statfs });
}
