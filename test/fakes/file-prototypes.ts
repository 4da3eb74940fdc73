import { open, type FileHandle } from 'node:fs/promises';
import { OpenFile } from '../../src/local/open-file.js';

export type Syncs = Pick<FileHandle, 'sync' | 'datasync'>;

/** Until the end of `work`, every open file of this process syncs as `changed` says: those of Node and ours. */
export async function whileSyncing(
  changed: (original: Syncs) => Syncs,
  work: () => Promise<unknown>,
): Promise<void> {
  await using handle = await open('/dev/null');
  const prototypes = [Object.getPrototypeOf(handle) as Syncs, OpenFile.prototype];
  const originals = prototypes.map(({ sync, datasync }) => ({ sync, datasync }));
  prototypes.forEach((prototype, index) => Object.assign(prototype, changed(originals[index] as Syncs)));
  try {
    await work();
  } finally {
    prototypes.forEach((prototype, index) => Object.assign(prototype, originals[index]));
  }
}
