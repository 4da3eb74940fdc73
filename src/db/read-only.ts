import { EMPTY } from 'rxjs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { FileSyncError } from '../errors.js';
import type { Logger, Store } from '../ports.js';
import { codeOf, unless } from '../local/disk-error.js';
import { Archive } from './archive.js';
import { Contents } from './contents.js';
import { nodeDisk, type Disk } from './disk.js';
import { databasePaths, type DatabasePaths } from './paths.js';
import { recover } from './recovery.js';
import type { Snapshot } from './snapshot-format.js';

/** How often the files are read again because a running process has replaced one of them meanwhile. */
const MAX_READS = 10;

/**
 * The database at `path` as its files hold it now, beside whatever process has it open: nothing is locked, made, moved or
 * written. A process that is running may know changes that are not on disk yet. Without files the store is empty. Rejects with
 * `denied` if this user may not read the files, `config` if a later version wrote them.
 */
export async function readStore(path: string, disk: Disk = nodeDisk): Promise<Store> {
  return read(path, disk).catch((error: unknown) => {
    if (error instanceof FileSyncError && codeOf(error.cause) === 'EACCES') throw notReadable(path, error);
    throw error;
  });
}

function notReadable(path: string, cause: FileSyncError): FileSyncError {
  const remedy = "run the command as the daemon's user, such as `sudo -u filesync filesync status`";
  return new FileSyncError('denied', `this user may not read the database ${path}: ${remedy}`, { cause });
}

async function read(path: string, disk: Disk): Promise<Store> {
  const paths = databasePaths(await realPath(path));
  for (let attempt = 1; ; attempt++) {
    const before = await stampOf(paths);
    const { content, problem } = await readFiles(paths, disk);
    if (before === (await stampOf(paths)) || attempt === MAX_READS)
      return new ReadOnlyStore({ content, problem, disk, paths });
  }
}

/** A database that does not exist has no real path, nor may its folder exist. */
async function realPath(path: string): Promise<string> {
  return nodeDisk.resolve(resolve(path)).catch((error: unknown) => {
    if (error instanceof FileSyncError && codeOf(error.cause) === 'ENOENT') return resolve(path);
    throw error;
  });
}

/** Identifies the files, but for the end of the journal that a process appends to. */
async function stampOf({ snapshot, journal, oldJournal }: DatabasePaths): Promise<string> {
  const files = [snapshot, oldJournal, journal].map(async path => {
    const found = await unless(['ENOENT'], stat(path, { bigint: true }));
    return found && `${found.ino}`;
  });
  return (await Promise.all(files)).join(' ');
}

type Read = { readonly content: Snapshot; readonly problem: string | undefined };

/** Damaged files stay where they are: the next process that opens the database moves them away. */
async function readFiles(paths: DatabasePaths, disk: Disk): Promise<Read> {
  const damaged = new Set<string>();
  const leave = async (path: string): Promise<string> => {
    damaged.add(path);
    return path;
  };
  const quarantine = { move: leave, copy: leave };
  const { content } = await recover({ disk, paths, quarantine, logger: SILENT });
  return { content, problem: damaged.size === 0 ? undefined : damageOf([...damaged]) };
}

function damageOf(files: readonly string[]): string {
  return `${files.join(' and ')} cannot be read: records are missing or older than they were; the next run restores what it can, or restore a copy of your own now`;
}

const SILENT: Logger = { log: () => undefined, child: () => SILENT };

interface ReadOnlyParts extends Read {
  readonly disk: Disk;
  readonly paths: DatabasePaths;
}

/** A store that can be read only. */
class ReadOnlyStore extends Contents implements Store {
  readonly changes = EMPTY;
  readonly problem: string | undefined;

  constructor({ content, problem, disk, paths }: ReadOnlyParts) {
    super(content, new Archive(disk, paths.archive, SILENT));
    this.problem = problem;
  }

  readonly put = refuse;
  readonly delete = refuse;
  readonly putSource = refuse;
  readonly archive = refuse;

  note(): void {
    throw readOnly();
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}

const readOnly = () => new FileSyncError('internal', 'the database was opened for reading only');

async function refuse(): Promise<never> {
  throw readOnly();
}
