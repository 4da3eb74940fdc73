import { lstatSync, type BigIntStats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { codeOf } from '../../local/disk-error.js';
import type { Writers } from '../../ports.js';
import { openWriters, type FileIdentity } from '../../system/open-writers.js';
import { isLocal } from '../../system/local-file-system.js';

type Search = (files: ReadonlyMap<string, FileIdentity>, signal: AbortSignal) => Promise<Writers>;

/** Calls of lstat in a row, before other work continues. */
const STATS_PER_TURN = 32;

/**
 * Which of the paths some process of this machine has open for writing. Missing files are not open. Files on file
 * systems that other machines may write to, and files that cannot be read, make the answer incomplete.
 * @param absolute of a path
 */
export async function writersOf(
  paths: readonly string[],
  absolute: (path: string) => Buffer,
  signal: AbortSignal,
  search: Search = openWriters,
): Promise<Writers> {
  const files = new Map<string, FileIdentity>();
  let unknown = false;
  for (let done = 0; done < paths.length; done += STATS_PER_TURN) {
    const some = paths.slice(done, done + STATS_PER_TURN);
    for (const path of some) {
      const identity = identityOf(absolute(path));
      if (typeof identity === 'object') files.set(path, identity);
      else unknown ||= identity === 'unknown';
    }
    await setImmediate();
  }
  unknown = (await dropForeign(files, absolute)) || unknown;
  const { open, complete } = await search(files, signal);
  return { open, complete: complete && !unknown };
}

/** The kernel has it in memory: it has just been listed. */
function identityOf(path: Buffer): BigIntStats | 'gone' | 'unknown' {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '') ? 'gone' : 'unknown';
  }
}

/**
 * Drops the files on file systems that are not this machine's own (mounts below the root). Returns whether there were
 * any.
 */
async function dropForeign(
  files: Map<string, FileIdentity>,
  absolute: (path: string) => Buffer,
): Promise<boolean> {
  const oneOfEach = new Map([...files].map(([path, { dev }]) => [dev, path]));
  const foreign = new Set<bigint>();
  for (const [dev, path] of oneOfEach) if (!(await isLocal(absolute(path)))) foreign.add(dev);
  for (const [path, { dev }] of files) if (foreign.has(dev)) files.delete(path);
  return foreign.size > 0;
}
