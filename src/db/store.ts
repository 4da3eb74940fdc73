import { Mutex } from 'async-mutex';
import { dirname, resolve } from 'node:path';
import { FileSyncError } from '../errors.js';
import { PRIVATE_MODES, type FileModes } from '../system/file-modes.js';
import type { Clock, FileRecord, Logger, SourceRecord, Store } from '../ports.js';
import { Archive } from './archive.js';
import { ChangeFeed, describeChange } from './change-feed.js';
import { CommitQueue } from './commit-queue.js';
import { Compactor, type CompactorParts } from './compactor.js';
import { Contents } from './contents.js';
import { diskWith, type Disk } from './disk.js';
import { JournalFile } from './journal-file.js';
import { acquireLock, type Lock } from './lock.js';
import { DelayedWrites } from './delayed-writes.js';
import { databasePaths, type DatabasePaths } from './paths.js';
import { Quarantine } from './quarantine.js';
import { recover, type Recovered } from './recovery.js';
import { problemOf, problemOfNext, sourceRecord, type CommittedChange } from './schema.js';
import type { Snapshot } from './snapshot-format.js';
import { temporaryPath, writeSnapshot } from './snapshot.js';
import type { Undo } from './table.js';
import { WriteState } from './write-state.js';

export interface StoreOptions {
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
  readonly logger: Logger;
  /** The minimum number of changes between two compactions. */
  readonly compactAfter?: number;
  readonly disk?: Disk;
  /** Permission bits of the files and folders that are made. Default: for this user alone. */
  readonly modes?: FileModes | undefined;
}

const COMPACT_AFTER_CHANGES = 2000;
/** Bounds the work without a turn of the event loop, and how many records a crash leaves in both places. */
const ARCHIVE_BATCH = 256;

/**
 * Opens the database at `path`, or makes it, with its backup, its journal and its archive in the same folder; see `databasePaths`.
 * Rejects with `config` if another process has it open, a later version wrote it or the folder cannot be written.
 */
export async function openStore(path: string, options: StoreOptions): Promise<Store> {
  const disk = options.disk ?? diskWith(options.modes ?? PRIVATE_MODES);
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
  const { clock, logger, compactAfter = COMPACT_AFTER_CHANGES } = options;
  const paths = databasePaths(path);
  const recovered = await recover({ disk, paths, logger, quarantine: new Quarantine(disk, clock) });
  await disk.remove(temporaryPath(path));
  if (recovered.needsSnapshot) await writeRecovered(disk, paths, recovered.content);
  const journal = await JournalFile.open(disk, paths, recovered.journalState);
  return new FileStore({ ...recovered, disk, paths, journal, lock, clock, logger, compactAfter });
}

async function writeRecovered(disk: Disk, paths: DatabasePaths, content: Snapshot): Promise<void> {
  await writeSnapshot(disk, paths.snapshot, content, async () => {
    await disk.rename(paths.snapshot, paths.backup);
  });
}

type Parts = Omit<CompactorParts, 'commits'> &
  Pick<Recovered, 'content' | 'snapshotSeq'> &
  Pick<StoreOptions, 'clock'> & { readonly lock: Lock };

/**
 * When a change fails, memory is restored to the state before it. Later delayed writes of the record are dropped with it, because
 * they were based on it; a delayed write that the change had replaced waits again.
 */
class FileStore extends Contents implements Store {
  readonly #content: Snapshot;
  readonly #journal: JournalFile;
  readonly #lock: Lock;
  readonly #writeState: WriteState;
  readonly #commits: CommitQueue;
  readonly #compactor: Compactor;
  readonly #delayedWrites: DelayedWrites;
  readonly #archive: Archive;
  readonly #archiving = new Mutex();
  readonly #feed = new ChangeFeed();
  readonly changes = this.#feed.changes;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    const { content, journal, lock, disk, paths, clock, logger } = parts;
    const archive = new Archive(disk, paths.archive, logger);
    super(content, archive);
    this.#content = content;
    this.#journal = journal;
    this.#lock = lock;
    this.#archive = archive;
    this.#writeState = new WriteState(paths.snapshot, logger);
    const commits = new CommitQueue(journal, content.seq, this.#writeState, {
      committed: () => this.#compactor.consider(),
      rolledBack: changes => changes.forEach(change => this.#feed.emit(change)),
    });
    this.#commits = commits;
    this.#compactor = new Compactor({ ...parts, commits }, parts.snapshotSeq);
    this.#delayedWrites = new DelayedWrites({
      clock,
      logger,
      commits,
      path: paths.snapshot,
      get: id => this.get(id),
    });
  }

  get problem(): string | undefined {
    return this.#writeState.problem;
  }

  async put(record: FileRecord): Promise<void> {
    this.#check(problemOfNext(record, this.get(record.id)));
    await this.#change(record.id, { put: record }, () => this.#content.table.set(record));
  }

  note(record: FileRecord, soon?: 'soon'): void {
    const previous = this.get(record.id);
    this.#check(problemOfNext(record, previous));
    this.#content.table.add(record);
    this.#delayedWrites.add(record.id, soon ?? 'later');
    this.#feed.emit(describeChange(record.id, record, previous));
  }

  async delete(id: string): Promise<void> {
    this.#check();
    await this.#delete(id);
  }

  async putSource(source: SourceRecord): Promise<void> {
    this.#check(problemOf(sourceRecord, source));
    const { sources } = this.#content;
    const previous = sources.get(source.device);
    sources.set(source.device, source);
    await this.#commits.add({ source }, () => {
      if (previous) sources.set(source.device, previous);
      else sources.delete(source.device);
      return undefined;
    });
  }

  /** Records that change meanwhile stay in the database, and so do those after a failure. */
  async archive(ids: readonly string[]): Promise<void> {
    this.#check();
    await this.#archiving.runExclusive(async () => {
      for (let start = 0; start < ids.length; start += ARCHIVE_BATCH)
        await this.#archivePortion(ids.slice(start, start + ARCHIVE_BATCH));
    });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#shutDown());
  }

  /** The records are durable in the archive before the database deletes them. */
  async #archivePortion(ids: readonly string[]): Promise<void> {
    const records = [...new Set(ids)].flatMap(id => this.get(id) ?? []);
    if (records.length === 0) return;
    await this.#archive.append(records);
    const unchanged = records.filter(record => this.get(record.id) === record);
    await Promise.all(unchanged.map(({ id }) => this.#delete(id)));
  }

  #delete(id: string): Promise<void> {
    return this.#change(id, { delete: id }, () => this.#content.table.delete(id));
  }

  /** Throws if the database is closed, or if there is a problem with the record. */
  #check(problem?: string): void {
    if (this.#closing) throw refused('the database is closed');
    if (problem !== undefined) throw refused(`a record cannot be stored: ${problem}`);
  }

  #change(id: string, change: CommittedChange, act: () => Undo): Promise<void> {
    const previous = this.get(id);
    const delay = this.#delayedWrites.take(id);
    const undo = act();
    const durable = this.#commits.add(change, () => {
      const current = this.get(id);
      undo();
      this.#delayedWrites.restore(id, delay);
      return describeChange(id, this.get(id), current);
    });
    this.#feed.emit(describeChange(id, this.get(id), previous));
    return durable;
  }

  async #shutDown(): Promise<void> {
    await this.#archiving.runExclusive(() => this.#commits.settled());
    await this.#delayedWrites.close();
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
