import { nodeDisk } from '../../db/disk.js';
import { databasePaths } from '../../db/paths.js';
import { recover } from '../../db/recovery.js';
import type { KnownFiles } from '../../preview/preview.js';
import type { Logger } from '../../ports.js';

/** What the database knows now. Reads only: makes, locks and changes nothing, also while a daemon uses it. */
export async function knownFiles(path: string, logger: Logger): Promise<KnownFiles> {
  const nowhere = { move: async (name: string) => name, copy: async (name: string) => name };
  const { content } = await recover({
    ...{ disk: nodeDisk, paths: databasePaths(path), logger },
    quarantine: nowhere as never,
  });
  const { table, sources } = content;
  return {
    all: () => table.all(),
    versions: (device, name) => table.versions(device, name),
    source: device => sources.get(device),
  };
}
