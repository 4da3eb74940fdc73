import type { PathLike } from 'node:fs';
import { lstat, open, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { unless } from './disk-error.js';
import { OpenFile } from './open-file.js';

/** By folder: the sync that has not begun yet; all calls until then share it. */
const waiting = new Map<string, Promise<void>>();
const running = new Map<string, Promise<void>>();

/**
 * Makes what is new or renamed in a folder survive a power cut. Calls with one key at the same time share one sync that begins
 * after them. `local`: see name-lookup.ts.
 */
export function syncFolder(folder: string | Buffer, local = false, key = keyOf(folder)): Promise<void> {
  const shared = waiting.get(key);
  if (shared) return shared;
  const next = (running.get(key) ?? Promise.resolve())
    .catch(() => undefined)
    .then(() => beginSync(key, folder, local));
  waiting.set(key, next);
  return next;
}

const keyOf = (folder: string | Buffer): string => Buffer.from(folder).toString('latin1');

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
export const NOT_OURS = ['EACCES', 'EPERM', 'EROFS'];

/** Makes the names of a folder and of all above it in its file system survive a power cut. */
export async function syncAbove(path: string): Promise<void> {
  let folder = await realpath(path);
  const { dev } = await lstat(folder);
  while (folder !== dirname(folder)) {
    folder = dirname(folder);
    if ((await lstat(folder)).dev !== dev) return;
    await unless(NOT_OURS, syncFolder(folder));
  }
}
