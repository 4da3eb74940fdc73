import { opendir, readFile, realpath, stat } from 'node:fs/promises';
import { decoded } from '../disk/mountinfo.js';

/**
 * Why a folder is only the place of a drive that is not mounted now: it is empty, and fstab(5) names it or a folder above it as a
 * mount point, or it was on another file system before. Undefined if it may be in use.
 * @param dev of stat(2)
 * @param before `dev` when it was last in use, in this run of the program
 */
export async function unmountedReason(
  path: string,
  dev: number,
  before: number | undefined,
  fstab = '/etc/fstab',
): Promise<string | undefined> {
  if (dev === before || (await isMountPoint(path, dev)) || !(await isEmpty(path))) return undefined;
  const remedy = 'mount its drive';
  if (before !== undefined)
    return `${path} is empty, and on another file system than before: ${remedy}, or put the next file there`;
  const point = await unusedMountPoint(await realpath(path), fstab);
  return point && `${path} is empty, and nothing is mounted at ${point}: ${remedy}`;
}

/** The folder above is that of the folder itself, where the path is a link to it. */
const isMountPoint = async (path: string, dev: number): Promise<boolean> =>
  (await stat(`${path}/..`)).dev !== dev;

/** Hidden files do not count: some keep an empty folder in a repository or say what belongs there. */
async function isEmpty(path: string): Promise<boolean> {
  for await (const { name } of await opendir(path)) if (!name.startsWith('.')) return false;
  return true;
}

/** The mount point of fstab(5) that is closest to the path, if nothing is mounted there. */
async function unusedMountPoint(path: string, fstab: string): Promise<string | undefined> {
  const text = await readFile(fstab, 'utf8').catch(() => '');
  const points = text.split('\n').map(line => decoded(line.trim().split(/\s+/)[1] ?? ''));
  const [closest] = points
    .filter(point => point.startsWith('/') && `${path}/`.startsWith(point === '/' ? point : `${point}/`))
    .sort((a, b) => b.length - a.length);
  if (closest === undefined || closest === '/') return undefined;
  const { dev } = await stat(closest);
  return (await isMountPoint(closest, dev)) ? undefined : closest;
}
