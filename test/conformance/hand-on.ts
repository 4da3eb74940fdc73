import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SourceBench } from './source.js';

/** What a test does behind the back of a source whose files lie in a folder of this machine. */
export function handOn(root: string): Pick<SourceBench, 'put' | 'remove' | 'loseRoot'> {
  return {
    put: async (path, bytes) => {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), bytes);
    },
    remove: path => rm(join(root, path)),
    loseRoot: () => rm(root, { recursive: true }),
  };
}
