import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Space } from '../ports.js';

/** What `ask` says of the path, or of its nearest folder that exists. Rejects with the system's own error. */
export async function ofNearest<Answer>(
  path: string,
  ask: (path: string) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await ask(path);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing || dirname(path) === path) throw error;
    return ofNearest(dirname(path), ask);
  }
}

/** statfs(2) of the path, or of its nearest folder that exists. Rejects with the system's own error. */
export const statfsNearest = (path: string): Promise<StatsFs> => ofNearest(path, one => statfs(one));

/** Space that stays free on a file system: a share of its size, or an amount. */
export type MinFree = { readonly percent: number } | { readonly bytes: number };

/** Bytes that this user may still write, and the size of the file system. */
export const spaceOf = ({ bavail, blocks, bsize }: StatsFs): Space => ({
  free: bavail * bsize,
  total: blocks * bsize,
});
