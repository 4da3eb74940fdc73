import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { onDisk, unless } from './disk-error.js';

export interface LocalFile {
  /** Relative to the root, parts joined by `/`. */
  readonly local: string;
  /** Bytes. */
  readonly size: number;
}

/** What has gone since its folder was read, or is closed to us, is not there for us. */
const SKIPPED = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'];
const LISTING = { operation: 'list', origin: 'local' } as const;
/** Enough to keep the threads for files awake. */
const DESCRIBED_AT_ONCE = 32;

/**
 * Every regular file below the root, in no order; none if there is no root. Links are not followed. Folders that may not be
 * read are left out; a disk that fails is an error.
 */
export async function* filesBelow(root: string): AsyncIterable<LocalFile> {
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const files: string[] = [];
    for (const entry of await entriesOf(join(root, folder))) {
      if (entry.isDirectory()) folders.push(`${folder}${entry.name}/`);
      if (entry.isFile()) files.push(folder + entry.name);
    }
    yield* described(root, files);
  }
}

const entriesOf = async (folder: string) =>
  onDisk(
    folder,
    LISTING,
    async () => (await unless(SKIPPED, readdir(folder, { withFileTypes: true }))) ?? [],
  );

async function* described(root: string, files: readonly string[]): AsyncIterable<LocalFile> {
  for (let done = 0; done < files.length; done += DESCRIBED_AT_ONCE) {
    const some = files.slice(done, done + DESCRIBED_AT_ONCE);
    for (const file of await Promise.all(some.map(local => describe(root, local)))) if (file) yield file;
  }
}

async function describe(root: string, local: string): Promise<LocalFile | undefined> {
  const path = join(root, local);
  const found = await onDisk(path, LISTING, () => unless(SKIPPED, lstat(path)));
  return found?.isFile() ? { local, size: found.size } : undefined;
}
