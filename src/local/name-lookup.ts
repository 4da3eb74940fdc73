import { lstatSync, type PathLike, type Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { unless } from './disk-error.js';

// A file system of this machine's own kernel (`local`) answers from memory: it is asked synchronously, because waking another
// thread takes many times as long. Any other file system may block, so it is asked on another thread.

const GONE = ['ENOENT', 'ENOTDIR'];

/** The entry of that name, of any kind; undefined if there is none. */
export function statIfThere(path: PathLike, local: boolean): Promise<Stats | undefined> {
  return unless(GONE, local ? resolved(() => lstatSync(path, { throwIfNoEntry: false })) : lstat(path));
}

async function resolved<Value>(ask: () => Value): Promise<Value> {
  return ask();
}
