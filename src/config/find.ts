import { join } from 'node:path';
import { FileSyncError } from '../errors.js';
import type { Environment } from './paths.js';

export interface FindConfigOptions {
  /** The user's `-c FILE`. */
  readonly explicit?: string;
  readonly env: Environment;
  readonly home: string;
  readonly exists: (path: string) => boolean | Promise<boolean>;
}

/**
 * The configuration file to use: `-c FILE`, `$FILESYNC_CONFIG`, the user's, the machine's. A file that was named is
 * not searched elsewhere. Throws `config` with the places where there was none.
 */
export async function findConfig({ explicit, env, home, exists }: FindConfigOptions): Promise<string> {
  const named = explicit ?? env.FILESYNC_CONFIG;
  if (named !== undefined && named !== '') return named;
  const usual = [join(home, '.config/filesync/filesync.yaml'), '/etc/filesync/filesync.yaml'];
  for (const path of usual) if (await exists(path)) return path;
  throw new FileSyncError(
    'config',
    `no configuration: $FILESYNC_CONFIG is not set, and there is neither ${usual.join(' nor ')}; name one with -c FILE, or make one: filesync init`,
  );
}
