import { dirname, resolve } from 'node:path';
import { FileSyncError } from '../errors.js';
import type { Clock, FileRecord, Logger, Store } from '../ports.js';
import { ChangeFeed, describeChange } from './change-feed.js';
import { CommitQueue } from './commit-queue.js';
import { Compactor, type CompactorParts } from './compactor.js';
import { nodeDisk, type Disk } from './disk.js';
import { JournalFile } from './journal-file.js';
import { acquireLock, type Lock } from './lock.js';
import { databasePaths, type DatabasePaths } from './paths.js';
import { Quarantine } from './quarantine.js';
import { recover, type Recovered } from './recovery.js';
import { fileRecord, problemOf, type CommittedChange } from './schema.js';
import { temporaryPath, writeSnapshot } from './snapshot.js';
import type { RecordTable, Undo } from './table.js';

export interface StoreOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Changes after which the journal is made into a new snapshot, at least. */
  readonly compactAfter?: number;
  readonly disk?: Disk;
}

const COMPACT_AFTER = 2000;

/**
 * Opens the database at `path`, or makes it. Beside it lie its backup and its journal; see `databasePaths`.
 * Rejects with `config` if another process has it open, a later version wrote it or the folder cannot be written.
 */
export async function openStore(path: string, options: StoreOptions): Promise<Store> {
  const disk = options.disk ?? nodeDisk;
  await disk.makeFolder(dirname(resolve(path)));
  const realPath = await disk.resolve(path);
  const lock = await acquireLock(realPath);
  try {
    return await openLocked(realPath, disk, options, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openLocked(path: string, disk: Disk, options: StoreOptions, lock: Lock): Promise<Store> {
  const { clock, logger, compactAfter = COMPACT_AFTER } = options;
  const paths = databasePaths(path);
  const recovered = await recover({ disk, paths, logger, quarantine: new Quarantine(disk, clock) });
  await disk.remove(temporaryPath(path));
  if (recovered.needsSnapshot) await writeRecovered(disk, paths, recovered);
  const journal = await JournalFile.open(disk, paths, recovered.journalState);
  return new FileStore({ ...recovered, disk, paths, journal, lock, logger, compactAfter });
}

async function writeRecovered(disk: Disk, paths: DatabasePaths, { seq, table }: Recovered): Promise<void> {
  await writeSnapshot(disk, paths.snapshot, { seq, records: table.all() }, async () => {
    await disk.rename(paths.snapshot, paths.backup);
  });
}

type Parts = Omit<CompactorParts, 'commits'> &
  Pick<Recovered, 'seq' | 'snapshotSeq'> & { readonly lock: Lock };

class FileStore implements Store {
  readonly #table: RecordTable;
  readonly #journal: JournalFile;
  readonly #lock: Lock;
  readonly #commits: CommitQueue;
  readonly #compactor: Compactor;
  readonly #feed = new ChangeFeed();
  readonly changes = this.#feed.changes;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#table = parts.table;
    this.#journal = parts.journal;
    this.#lock = parts.lock;
    this.#commits = new CommitQueue(parts.journal, parts.seq, {
      committed: () => this.#compactor.consider(),
      takenBack: changes => changes.forEach(change => this.#feed.emit(change)),
    });
    this.#compactor = new Compactor({ ...parts, commits: this.#commits }, parts.snapshotSeq);
  }

  get(id: string): FileRecord | undefined {
    return this.#table.get(id);
  }

  all(): Iterable<FileRecord> {
    return this.#table.all();
  }

  versions(device: string, path: string): readonly FileRecord[] {
    return this.#table.versions(device, path);
  }

  async put(record: FileRecord): Promise<void> {
    const problem = problemOf(fileRecord, record);
    if (problem !== undefined) throw refused(`a record cannot be stored: ${problem}`);
    await this.#apply(record.id, { put: record }, () => this.#table.set(record));
  }

  async delete(id: string): Promise<void> {
    await this.#apply(id, { delete: id }, () => this.#table.delete(id));
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#shutDown());
  }

  #apply(id: string, change: CommittedChange, act: () => Undo): Promise<void> {
    if (this.#closing) throw refused('the database is closed');
    const previous = this.get(id);
    const undo = act();
    const record = this.get(id);
    const durable = this.#commits.add(change, () => {
      undo();
      return describeChange(id, previous, record);
    });
    this.#feed.emit(describeChange(id, record, previous));
    return durable;
  }

  async #shutDown(): Promise<void> {
    await this.#commits.settled();
    await this.#compactor.idle();
    this.#feed.complete();
    try {
      await this.#journal.close();
    } finally {
      await this.#lock.release();
    }
  }
}

function refused(message: string): FileSyncError {
  return new FileSyncError('internal', message, { operation: 'write' });
}
