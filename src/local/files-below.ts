import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { onDisk, unless } from './disk-error.js';

export interface LocalFile {
  /** Relative to the root, parts joined by `/`. */
  readonly local: string;
  /** Bytes. */
  readonly size: number;
}

/** Files that are gone since their folder was read, and those without permission, are left out. */
const SKIPPED = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'];
const LISTING = { operation: 'list', origin: 'local' } as const;
/** Enough to keep Node's file threads busy. */
const STAT_BATCH = 32;

/**
 * Every regular file below the root, in no order; none if there is no root. Links are not followed. Folders without read
 * permission are left out; a disk failure is an error.
 */
export async function* filesBelow(root: string): AsyncIterable<LocalFile> {
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const files: string[] = [];
    for (const entry of await entriesOf(join(root, folder))) {
      if (entry.isDirectory()) folders.push(`${folder}${entry.name}/`);
      if (entry.isFile()) files.push(folder + entry.name);
    }
    yield* statted(root, files);
  }
}

const entriesOf = async (folder: string) =>
  onDisk(
    folder,
    LISTING,
    async () => (await unless(SKIPPED, readdir(folder, { withFileTypes: true }))) ?? [],
  );

async function* statted(root: string, files: readonly string[]): AsyncIterable<LocalFile> {
  for (let done = 0; done < files.length; done += STAT_BATCH) {
    const some = files.slice(done, done + STAT_BATCH);
    for (const file of await Promise.all(some.map(local => statFile(root, local)))) if (file) yield file;
  }
}

async function statFile(root: string, local: string): Promise<LocalFile | undefined> {
  const path = join(root, local);
  const found = await onDisk(path, LISTING, () => unless(SKIPPED, lstat(path)));
  return found?.isFile() ? { local, size: found.size } : undefined;
}
