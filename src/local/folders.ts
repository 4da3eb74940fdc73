import type { PathLike } from 'node:fs';
import { mkdir, open, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { FileSyncError } from '../errors.js';
import { unless } from './disk-error.js';

/** Makes what is new or renamed in a folder survive a power cut. */
export async function syncFolder(folder: PathLike): Promise<void> {
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

  constructor(root: string) {
    this.#root = root;
  }

  /** `folder` is relative to the root, without `..`. Throws `denied` where it would leave the root, else raw errors. */
  async make(folder: string): Promise<void> {
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
