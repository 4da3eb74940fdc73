import { FileSyncError } from '../errors.js';
import type { Logger } from '../ports.js';
import type { CommitQueue } from './commit-queue.js';
import type { Disk } from './disk.js';
import type { JournalFile } from './journal-file.js';
import type { DatabasePaths } from './paths.js';
import type { Snapshot } from './snapshot-format.js';
import { writeSnapshot } from './snapshot.js';

export interface CompactorParts {
  readonly disk: Disk;
  readonly paths: DatabasePaths;
  readonly content: Pick<Snapshot, 'table' | 'sources'>;
  readonly journal: JournalFile;
  readonly commits: CommitQueue;
  readonly logger: Logger;
  /** The minimum number of changes between two compactions. */
  readonly compactAfter: number;
}

/** The minimum number of changes between two compactions, as a share of the number of records. */
const MIN_CHANGES_SHARE = 1;

/**
 * Turns the journal into a new snapshot from time to time, while the database is in use. At every instant, the snapshot, and if
 * that is lost the backup, contains together with the journals every durable change:
 *
 * 1. `journal` becomes `oldJournal`, a new `journal` begins;
 * 2. the records go to a temporary file. They are as of change N, when that begins, or of a later one: replaying all
 *    changes after N on top of them gives the right result in any case, because a change holds a whole record. A delayed write
 *    that is among them is kept unless a change of its record follows;
 * 3. when each change that may be among them is durable (if one was rolled back, the compaction fails): the snapshot
 *    becomes the backup, the temporary file the snapshot;
 * 4. `oldJournal`, which leads from the backup to N, becomes `backupJournal`.
 */
export class Compactor {
  readonly #parts: CompactorParts;
  #running: Promise<void> | undefined;
  /** The number of the change that the next compaction may follow. */
  #dueAt: number;

  /** `seq`: the number of the last change in the snapshot. */
  constructor(parts: CompactorParts, seq: number) {
    this.#parts = parts;
    this.#dueAt = this.#nextDue(seq);
  }

  /** Begins a compaction if the journal has grown enough and none is running. */
  consider(): void {
    if (this.#running || this.#parts.commits.seq < this.#dueAt) return;
    this.#running = this.#attempt().finally(() => (this.#running = undefined));
  }

  /** Resolves when no compaction is running. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #attempt(): Promise<void> {
    const { commits, logger, paths } = this.#parts;
    try {
      this.#dueAt = this.#nextDue(await this.#compact());
    } catch (error) {
      this.#dueAt = this.#nextDue(commits.seq);
      const why = error instanceof Error ? error.message : String(error);
      logger.log('warn', `could not compact the database ${paths.snapshot}, it is safe but grows: ${why}`);
    }
  }

  #nextDue(seq: number): number {
    const { content, compactAfter } = this.#parts;
    return seq + Math.max(compactAfter, Math.ceil(content.table.size * MIN_CHANGES_SHARE));
  }

  /** Resolves to the number of the last change in the new snapshot. */
  async #compact(): Promise<number> {
    const { disk, paths, content, journal, commits } = this.#parts;
    await commits.between(() => journal.rotate());
    const { seq, generation } = commits;
    let backedUp = false;
    await writeSnapshot(disk, paths.snapshot, { ...content, seq }, async () => {
      await commits.settled();
      if (commits.generation !== generation) throw new FileSyncError('io', 'a change could not be written');
      backedUp = await disk.rename(paths.snapshot, paths.backup);
    });
    if (backedUp) await journal.retireOld();
    return seq;
  }
}
