import type { PathLike } from 'node:fs';
import { lstat, mkdir, open, realpath, rename } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { FileSyncError } from '../errors.js';
import { unless } from './disk-error.js';
import { statIfThere, realpathIfThere } from './name-lookup.js';
import { OpenFile } from './open-file.js';

/** By folder: the sync that has not begun yet; all calls until then share it. */
const waiting = new Map<string, Promise<void>>();
const running = new Map<string, Promise<void>>();

/**
 * Makes what is new or renamed in a folder survive a power cut. Calls at the same time share one sync that begins after them.
 * `local`: see name-lookup.ts.
 */
export function syncFolder(folder: string | Buffer, local = false): Promise<void> {
  const key = Buffer.from(folder).toString('latin1');
  const shared = waiting.get(key);
  if (shared) return shared;
  const next = (running.get(key) ?? Promise.resolve())
    .catch(() => undefined)
    .then(() => beginSync(key, folder, local));
  waiting.set(key, next);
  return next;
}

async function beginSync(key: string, folder: PathLike, local: boolean): Promise<void> {
  const syncing = syncOne(folder, local);
  waiting.delete(key);
  running.set(key, syncing);
  await syncing.finally(() => running.get(key) === syncing && running.delete(key));
}

async function syncOne(folder: PathLike, local: boolean): Promise<void> {
  const handle = await (local ? OpenFile.openSync(folder) : open(folder, 'r'));
  try {
    // Some file systems (FUSE, network) cannot sync a folder and say so with these.
    await unless(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'], handle.sync());
  } finally {
    await handle.close();
  }
}

/** Errors of syncing a folder that is not ours: others have made it, or it is read-only. */
const NOT_OURS = ['EACCES', 'EPERM', 'EROFS'];

/** Makes the names of a folder and of all above it in its file system survive a power cut. */
async function syncAbove(path: string): Promise<void> {
  let folder = await realpath(path);
  const { dev } = await lstat(folder);
  while (folder !== dirname(folder)) {
    folder = dirname(folder);
    if ((await lstat(folder)).dev !== dev) return;
    await unless(NOT_OURS, syncFolder(folder));
  }
}

/** Renames a file in its folder, durably. False, and nothing is changed, if the name is taken. */
export async function renameIfFree(from: string, to: string, local: boolean): Promise<boolean> {
  if (await statIfThere(to, local)) return false;
  await rename(from, to);
  await syncFolder(dirname(to), local);
  return true;
}

/** Makes the folder. False if the name is taken. */
async function make(path: string): Promise<boolean> {
  const making = mkdir(path).then(() => true);
  return (await unless(['EEXIST'], making)) ?? false;
}

/** Makes folders below one root, durably, and never through a symbolic link that leads out of it. */
export class Folders {
  readonly #root: string;
  readonly #isLocal: () => boolean;
  /** Folders whose names this process knows to be on disk. */
  readonly #durable = new Set<string>();
  /** Real paths of folders that were made, or found inside the root. */
  readonly #realPaths = new Map<string, string>();
  /** Results of `has` in this turn of the event loop. */
  readonly #answers = new Map<string, Promise<boolean>>();

  /** @param isLocal see name-lookup.ts */
  constructor(root: string, isLocal: () => boolean = () => false) {
    this.#root = root;
    this.#isLocal = isLocal;
  }

  /** Makes the root where it is missing and, if `recursive`, what is missing above it; `make` makes it durable. Throws raw errors. */
  async makeRoot({ recursive }: { readonly recursive: boolean }): Promise<void> {
    const created = recursive
      ? (await mkdir(this.#root, { recursive })) !== undefined
      : await make(this.#root);
    if (created) this.#durable.delete(this.#root);
  }

  /** Whether `make` has made or found it, and its real path is still the same. Checked once in a turn of the event loop. */
  has(folder: string): Promise<boolean> {
    const known = this.#answers.get(folder);
    if (known) return known;
    if (this.#answers.size === 0) setImmediate(() => this.#answers.clear());
    const answer = this.#isInPlace(folder);
    this.#answers.set(folder, answer);
    return answer;
  }

  async #isInPlace(folder: string): Promise<boolean> {
    const place = this.#realPaths.get(folder);
    return (
      place !== undefined && place === (await realpathIfThere(join(this.#root, folder), this.#isLocal()))
    );
  }

  /** `folder` is relative to the root, which is there, and without `..`. Throws `denied` where it would leave the root, else raw errors. */
  async make(folder: string): Promise<void> {
    if (await this.has(folder)) return;
    await this.#makeAll(folder);
    this.#answers.delete(folder);
    this.#realPaths.set(folder, await realpath(join(this.#root, folder)));
  }

  async #makeAll(folder: string): Promise<void> {
    await this.#syncRoot();
    let path = this.#root;
    for (const part of folder.split(sep).filter(part => part !== '' && part !== '.')) {
      path = join(path, part);
      await this.#makeOne(path);
    }
  }

  async #syncRoot(): Promise<void> {
    if (this.#durable.has(this.#root)) return;
    await syncAbove(this.#root);
    this.#durable.add(this.#root);
  }

  async #makeOne(path: string): Promise<void> {
    const created = await make(path);
    if (!created) await this.#checkInside(path);
    if (!created && this.#durable.has(path)) return;
    await syncFolder(dirname(path));
    this.#durable.add(path);
  }

  async #checkInside(path: string): Promise<void> {
    const [root, real] = await Promise.all([realpath(this.#root), realpath(path)]);
    if (real.startsWith(root.endsWith(sep) ? root : root + sep)) return;
    const message = `${path} is a link that leads out of ${this.#root}: remove it`;
    throw new FileSyncError('denied', message, { path });
  }
}
