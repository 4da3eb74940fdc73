import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Space } from '../ports.js';

/** What statfs(2) says of the file system that holds the path, or will hold it once it is made. Rejects with the system's own error. */
export async function statfsNearest(path: string): Promise<StatsFs> {
  try {
    return await statfs(path);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing || dirname(path) === path) throw error;
    return statfsNearest(dirname(path));
  }
}

/** What stays free of a file system: a share of all that it holds, or an amount. */
export type MinFree = { readonly percent: number } | { readonly bytes: number };

/** What this user may still write, and all that the file system holds. */
export const spaceOf = ({ bavail, blocks, bsize }: StatsFs): Space => ({
  free: bavail * bsize,
  total: blocks * bsize,
});
