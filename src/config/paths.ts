import { join, resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** An absolute path from one that the configuration names: relative to its folder, `~/` is the user's home. */
export function resolvePath(folder: string, path: string, env: Environment): string {
  const home = env.HOME;
  return home !== undefined && /^~(\/|$)/.test(path) ? join(home, path.slice(1)) : resolve(folder, path);
}

export const DEFAULT_LOCAL = './data';

/** The database in `local`, of a configuration that names none. */
export const DATABASE_NAME = 'filesync.json';
