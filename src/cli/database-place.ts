import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Config } from '../config/config.js';
import { DATABASE_NAME, DEFAULT_LOCAL, resolvePath, type Environment } from '../config/paths.js';
import { databasePaths } from '../db/paths.js';
import { readStore } from '../db/read-only.js';
import { FileSyncError } from '../errors.js';
import type { FileRecord, Store } from '../ports.js';
import { hasLocalCopy } from '../record/state.js';
import { exists } from '../system/exists.js';

/** Local copies that are looked up to learn whose records they are. */
const MAX_COPIES = 100;

type Named = Pick<Config, 'file' | 'folder' | 'local' | 'database' | 'formerDatabase' | 'rules'>;

/** The database that a configuration uses, and what a person should know of it. */
export interface DatabasePlace {
  readonly database: string;
  readonly warning?: string;
}

/**
 * Earlier versions kept the records of every configuration of a folder in `data/filesync.json`, whatever its `local` was. Where a
 * configuration names no database and has none beside its local copies yet, the records there go on being used if they are its own:
 * without them everything would be delivered again. Rejects with `config` where that cannot be decided safely. Reads only.
 */
export async function placeOf(config: Named, env: Environment): Promise<DatabasePlace> {
  const { database, formerDatabase: former } = config;
  if (former === undefined || (await isThere(database)) || !(await isThere(former))) return { database };
  const store = await readStore(former);
  const sources = new Set(config.rules.map(({ from }) => from));
  if (!knowsAny(store, sources)) return { database };
  const copies = [...store.all()].filter(record => sources.has(record.device) && hasLocalCopy(record));
  const isOwn = (await holdsAny(config.local, copies)) || !(await holdsAny(dirname(former), copies));
  if (isOwn) return { database: former, warning: usedMessage(config, former) };
  if (await isOfNeighbour(config, former, env)) return { database };
  throw new FileSyncError('config', doubtMessage(config, former, [...sources]));
}

function usedMessage({ folder, database }: Named, former: string): string {
  const name = relative(folder, former);
  const neighbours = `${basename(former)}*`;
  return `database: the records in ${former}, where earlier versions kept them, go on being used; write "database: ./${name}" into the configuration to keep them there, or stop filesync and move ${neighbours} to ${dirname(database)}`;
}

function doubtMessage({ file, local, database }: Named, former: string, sources: readonly string[]): string {
  return `${file}: database: ${former} has records of ${sources.join(', ')}, but their local copies are in ${dirname(former)}, not in ${local}. If "local" was changed, name that file as "database" (or move all of ${dirname(former)} to ${local}); if this is another configuration, name ${database}, and everything on its sources is new to it`;
}

/** A database that was never compacted has a journal only. */
async function isThere(path: string): Promise<boolean> {
  const { snapshot, backup, journal } = databasePaths(path);
  return (await Promise.all([snapshot, backup, journal].map(exists))).includes(true);
}

function knowsAny(store: Store, sources: ReadonlySet<string>): boolean {
  for (const source of sources) if (store.source(source)) return true;
  for (const { device } of store.all()) if (sources.has(device)) return true;
  return false;
}

async function holdsAny(folder: string, copies: readonly FileRecord[]): Promise<boolean> {
  const some = copies.slice(-MAX_COPIES);
  return (await Promise.all(some.map(({ local }) => exists(join(folder, local))))).includes(true);
}

/** Another configuration of the folder keeps its local copies, and so its database, there. */
async function isOfNeighbour({ file, folder }: Named, former: string, env: Environment): Promise<boolean> {
  const names = (await readdir(folder)).filter(name => ['.yaml', '.yml'].includes(extname(name)));
  const others = names.map(name => join(folder, name)).filter(path => path !== resolve(file));
  const theirs = await Promise.all(others.map(path => databaseIn(path, env)));
  return theirs.includes(former);
}

/** The database of a configuration as far as it can be read; undefined if the file is none. */
async function databaseIn(path: string, env: Environment): Promise<string | undefined> {
  try {
    const value = parse(await readFile(path, 'utf8')) as Record<string, unknown> | null;
    if (!value?.rules || !value.devices) return undefined;
    const { local = DEFAULT_LOCAL, database } = value;
    const named = typeof database === 'string' ? database : join(String(local), DATABASE_NAME);
    return resolvePath(dirname(path), named, env);
  } catch {
    return undefined;
  }
}
