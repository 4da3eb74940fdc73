import { isAbsolute, relative } from 'node:path';
import * as z from 'zod';
import { duration } from '../config/options.js';
import { FileSyncError } from '../errors.js';
import { lacksLink } from './link-options.js';
import { defineDevice, type DeviceContext } from '../config/definition.js';
import { ANSWER_TIMEOUT_MS } from './directory/timeouts.js';

/** A folder that this machine sees: its own, a mounted drive's, or a network share's. */
export const directory = defineDevice({
  type: 'directory',
  summary: 'Source and target: a folder on this machine, on a mounted drive or on a mounted share',
  tellsSpace: true,
  lacks: lacksLink,
  options: z.object({
    path: z
      .string()
      .min(1)
      .describe(
        "the folder; a relative one starts at the configuration file's folder. A target's is made if it is missing, but not its parent. One that is empty counts as offline where fstab(5) names it as a mount point and nothing is mounted, or where it was on another file system before",
      ),
    timeout: duration()
      .default(ANSWER_TIMEOUT_MS)
      .describe(
        'time without an answer after which a mounted share (or another FUSE mount) counts as hanging',
      ),
  }),
  below: (options, folder) => ({ ...options, path: `${options.path}/${folder}` }),
  source: async ({ path, timeout }, context) => {
    const { DirectorySource } = await import('./directory/source.js');
    return new DirectorySource(apartFromLocal(context.resolvePath(path), context), context, { timeout });
  },
  target: async ({ path, timeout }, context) => {
    const { DirectoryTarget } = await import('./directory/target.js');
    return new DirectoryTarget(context.resolvePath(path), context, timeout);
  },
});

/** A source that holds the local storage would find what it has brought there, and bring it again, without end. */
function apartFromLocal(path: string, { name, local }: DeviceContext): string {
  const inside = relative(path, local);
  if (inside.startsWith('..') || isAbsolute(inside)) return path;
  const remedy =
    'set `local` (and `database`) to a folder outside it, or `path` to one that does not hold it';
  throw new FileSyncError(
    'config',
    `devices.${name}.path: ${path} holds the local storage ${local}; ${remedy}`,
  );
}
