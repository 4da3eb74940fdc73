import type { Config } from '../config/config.js';
import { Kernel } from '../devices/disk/kernel.js';
import { uncovered, type MountEntry } from '../devices/disk/mountinfo.js';
import { FileSyncError } from '../errors.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Throws `config` where `local` or `database` is on what the unit lets the service only read (systemd's ProtectSystem): outside
 * of the folders that systemd has made for it, which STATE_DIRECTORY lists (systemd.exec(5)).
 */
export async function assertServicePlaces(
  { local, database }: Pick<Config, 'local' | 'database'>,
  { STATE_DIRECTORY }: Environment,
  kernel: Pick<Kernel, 'mounts'> = new Kernel(),
): Promise<void> {
  if (!STATE_DIRECTORY) return;
  const folders = STATE_DIRECTORY.split(':');
  const mounts = uncovered(await kernel.mounts());
  for (const [key, path] of Object.entries({ local, database })) {
    const isGiven = folders.some(folder => isInside(folder, path));
    if (isGiven || !mountOf(path, mounts)?.readOnly) continue;
    const remedy = `name a place below ${folders[0]}, or let it write there (ReadWritePaths= by systemctl edit)`;
    throw new FileSyncError('config', `${key}: the service may not write to ${path}: ${remedy}`);
  }
}

const isInside = (folder: string, path: string): boolean =>
  path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);

/** The one with the longest path that leads to it. */
function mountOf(path: string, mounts: readonly MountEntry[]): MountEntry | undefined {
  const around = mounts.filter(({ point }) => isInside(point, path));
  return around.sort((a, b) => b.point.length - a.point.length)[0];
}
