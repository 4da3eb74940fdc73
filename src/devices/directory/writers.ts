import { lstatSync, type BigIntStats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { codeOf } from '../../local/disk-error.js';
import type { Writers } from '../../ports.js';
import { openWriters, type FileIdentity } from '../../system/open-writers.js';
import { isLocal } from '../../system/local-file-system.js';

type Search = (files: ReadonlyMap<string, FileIdentity>, signal: AbortSignal) => Promise<Writers>;

/** Between so many, other work has its turn. */
const LOOKED_AT_ONCE = 32;

/**
 * Which of the paths some process of this machine has open for writing. What is gone is open nowhere. Of what lies on
 * file systems that others may write to unseen, or may not be looked at, nothing is known.
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
  for (let done = 0; done < paths.length; done += LOOKED_AT_ONCE) {
    const some = paths.slice(done, done + LOOKED_AT_ONCE);
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

/** Leaves only files on file systems of this machine's own. Tells whether there were others: something may be mounted in between. */
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
