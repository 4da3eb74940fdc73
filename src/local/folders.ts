import type { PathLike } from 'node:fs';
import { mkdir, open, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { FileSyncError } from '../errors.js';
import { unless } from './disk-error.js';

/** By folder: the sync that has not begun yet, which everybody shares who comes before it does. */
const waiting = new Map<string, Promise<void>>();
const running = new Map<string, Promise<void>>();

/** Makes what is new or renamed in a folder survive a power cut. Calls at the same time share one sync that begins after them. */
export function syncFolder(folder: string | Buffer): Promise<void> {
  const key = Buffer.from(folder).toString('latin1');
  const shared = waiting.get(key);
  if (shared) return shared;
  const next = (running.get(key) ?? Promise.resolve()).catch(() => undefined).then(() => begin(key, folder));
  waiting.set(key, next);
  return next;
}

async function begin(key: string, folder: PathLike): Promise<void> {
  const syncing = syncOne(folder);
  waiting.delete(key);
  running.set(key, syncing);
  await syncing.finally(() => running.get(key) === syncing && running.delete(key));
}

async function syncOne(folder: PathLike): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    // Some file systems (FUSE, network) cannot sync a folder and say so with these.
    await unless(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'], handle.sync());
  } finally {
    await handle.close();
  }
}

/** Makes folders below one root, durably, and never through a symbolic link that leads out of it. */
export class Folders {
  readonly #root: string;
  /** Folders whose own names are certainly on disk, as far as this process knows. */
  readonly #durable = new Set<string>();
  /** Where folders that were made, or found inside the root, really lie. */
  readonly #places = new Map<string, string>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Whether `make` has made it, or found it, and it still lies in that very place. */
  async has(folder: string): Promise<boolean> {
    const place = this.#places.get(folder);
    return place !== undefined && place === (await unless(['ENOENT'], realpath(join(this.#root, folder))));
  }

  /** `folder` is relative to the root, without `..`. Throws `denied` where it would leave the root, else raw errors. */
  async make(folder: string): Promise<void> {
    if (await this.has(folder)) return;
    await this.#makeAll(folder);
    this.#places.set(folder, await realpath(join(this.#root, folder)));
  }

  async #makeAll(folder: string): Promise<void> {
    let path = this.#root;
    for (const part of folder.split(sep).filter(part => part !== '' && part !== '.')) {
      path = join(path, part);
      await this.#makeOne(path);
    }
  }

  async #makeOne(path: string): Promise<void> {
    const created =
      (await unless(
        ['EEXIST'],
        mkdir(path).then(() => true),
      )) ?? false;
    if (!created) await this.#checkInside(path);
    if (!created && this.#durable.has(path)) return;
    await syncFolder(dirname(path));
    this.#durable.add(path);
  }

  async #checkInside(path: string): Promise<void> {
    const [root, real] = await Promise.all([realpath(this.#root), realpath(path)]);
    if (real.startsWith(root.endsWith(sep) ? root : root + sep)) return;
    const cure = `${path} is a link that leads out of ${this.#root}: remove it`;
    throw new FileSyncError('denied', cure, { path });
  }
}
