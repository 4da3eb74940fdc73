import { lstatSync, realpathSync, type PathLike, type Stats } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { unless } from './disk-error.js';

// A file system of this machine's own kernel (`local`) answers questions about names from memory: it is asked at once, for to
// wake another thread takes many times as long. Any other may let us wait, and another thread asks it.

const GONE = ['ENOENT', 'ENOTDIR'];

/** What lies under the name, of whatever kind it is; undefined if nothing does. */
export function found(path: PathLike, local: boolean): Promise<Stats | undefined> {
  return unless(GONE, local ? atOnce(() => lstatSync(path, { throwIfNoEntry: false })) : lstat(path));
}

/** The path without symbolic links; undefined if nothing lies there. */
export function placeOf(path: string, local: boolean): Promise<string | undefined> {
  return unless(GONE, local ? atOnce(() => realpathSync.native(path)) : realpath(path));
}

async function atOnce<Value>(ask: () => Value): Promise<Value> {
  return ask();
}
