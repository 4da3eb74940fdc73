import { Mutex } from 'async-mutex';
import type { Change } from '../ports.js';
import { encodeCommit } from './journal-format.js';
import type { JournalFile } from './journal-file.js';
import type { CommittedChange } from './schema.js';
import type { WriteState } from './write-state.js';

interface Pending {
  readonly change: CommittedChange;
  readonly undo: () => Change | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface CommitEvents {
  /** After each commit, before its promises resolve. */
  committed(): void;
  /** After changes have been rolled back, before their promises reject: the resulting changes of the records. */
  rolledBack(changes: readonly Change[]): void;
}

/** Bounds the work without a turn of the event loop, and the length of a line. */
const MAX_COMMIT_CHANGES = 256;

/**
 * Group commit: changes that arrive while a commit is being written are written together in the next. If a commit fails, its
 * changes and all after them are rolled back, the last first, and rejected: memory is always the content of the journal plus the
 * waiting changes.
 */
export class CommitQueue {
  readonly #journal: JournalFile;
  readonly #events: CommitEvents;
  readonly #state: WriteState;
  readonly #mutex = new Mutex();
  #waiting: Pending[] = [];
  #seq: number;
  #draining = false;
  #generation = 0;
  /** Resolves when the change that was added last is settled. */
  #last: Promise<unknown> = Promise.resolve();

  /** `seq`: the number of the last change in the journal. */
  constructor(journal: JournalFile, seq: number, state: WriteState, events: CommitEvents) {
    this.#journal = journal;
    this.#seq = seq;
    this.#state = state;
    this.#events = events;
  }

  /** The number of the change that was added last. */
  get seq(): number {
    return this.#seq;
  }

  /**
   * Resolves when the change is durable; when it rejects, `undo` has been called, which returns the resulting change of a record.
   */
  add(change: CommittedChange, undo: () => Change | undefined): Promise<void> {
    this.#seq += 1;
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ change, undo, resolve, reject });
    });
    this.#last = done.catch(() => undefined);
    if (!this.#draining) void this.#drain();
    return done;
  }

  /** Increases whenever changes are rolled back. */
  get generation(): number {
    return this.#generation;
  }

  /** Resolves when each change that was added so far is either durable or rolled back. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /** Runs `work` while no commit is under way. */
  between<T>(work: () => Promise<T>): Promise<T> {
    return this.#mutex.runExclusive(work);
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#waiting.length > 0) await this.#mutex.runExclusive(() => this.#commit());
    this.#draining = false;
  }

  async #commit(): Promise<void> {
    const batch = this.#waiting.splice(0, MAX_COMMIT_CHANGES);
    const seq = this.#seq - this.#waiting.length;
    try {
      await this.#journal.append(encodeCommit({ seq, changes: batch.map(pending => pending.change) }));
    } catch (error) {
      return this.#rollBack([...batch, ...this.#waiting.splice(0)], this.#state.failed(error));
    }
    this.#state.succeeded();
    this.#events.committed();
    for (const pending of batch) pending.resolve();
  }

  #rollBack(lost: Pending[], error: unknown): void {
    this.#seq -= lost.length;
    this.#generation += 1;
    this.#events.rolledBack(lost.toReversed().flatMap(pending => pending.undo() ?? []));
    for (const pending of lost) pending.reject(error);
  }
}
