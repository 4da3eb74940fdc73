import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SourceBench } from '../conformance/source.js';

/** Changes the files of a folder that a server shows. */
export const openFolder = (root: string): Pick<SourceBench, 'put' | 'remove' | 'loseRoot'> => ({
  put: async (path, bytes) => {
    for (const folder of foldersAbove(path)) await makeOpen(join(root, folder));
    await writeFile(join(root, path), bytes);
  },
  remove: path => rm(join(root, path)),
  loseRoot: () => rm(root, { recursive: true }),
});

/** Some servers change to another user, who must be able to remove files. */
export async function makeOpen(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o777);
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === '.' ? [] : [...foldersAbove(folder), folder];
}
