import { Mutex } from 'async-mutex';
import type { Change } from '../ports.js';
import { encodeCommit } from './journal-format.js';
import type { JournalFile } from './journal-file.js';
import type { CommittedChange } from './schema.js';

interface Pending {
  readonly change: CommittedChange;
  readonly undo: () => Change | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface CommitEvents {
  /** After each commit, before its promises resolve. */
  committed(): void;
  /** After changes have been taken back, before their promises reject: what that did to the records. */
  takenBack(changes: readonly Change[]): void;
}

/** Changes in one commit at most: bounds the work done in one go and the length of a line. */
const MAX_COMMIT = 256;

/**
 * Group commit: changes that come while a commit is on its way to the disk go together with the next. If one fails,
 * it and all behind it are taken back, the last first, and rejected: memory always is what the journal holds plus
 * what waits.
 */
export class CommitQueue {
  readonly #journal: JournalFile;
  readonly #events: CommitEvents;
  readonly #mutex = new Mutex();
  #waiting: Pending[] = [];
  #seq: number;
  #draining = false;
  #generation = 0;
  /** Resolves when the change that was added last is settled. */
  #last: Promise<unknown> = Promise.resolve();

  /** `seq`: the number of the last change in the journal. */
  constructor(journal: JournalFile, seq: number, events: CommitEvents) {
    this.#journal = journal;
    this.#seq = seq;
    this.#events = events;
  }

  /** The number of the change that was added last. */
  get seq(): number {
    return this.#seq;
  }

  /**
   * Resolves when the change is durable; when it rejects, `undo` has been called, which returns what that did to a record.
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

  /** Rises whenever changes are taken back. */
  get generation(): number {
    return this.#generation;
  }

  /** Resolves when each change that was added so far is either durable or taken back. */
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
    const batch = this.#waiting.splice(0, MAX_COMMIT);
    const seq = this.#seq - this.#waiting.length;
    try {
      await this.#journal.append(encodeCommit({ seq, changes: batch.map(pending => pending.change) }));
    } catch (error) {
      return this.#takeBack([...batch, ...this.#waiting.splice(0)], error);
    }
    this.#events.committed();
    for (const pending of batch) pending.resolve();
  }

  #takeBack(lost: Pending[], error: unknown): void {
    this.#seq -= lost.length;
    this.#generation += 1;
    this.#events.takenBack(lost.toReversed().flatMap(pending => pending.undo() ?? []));
    for (const pending of lost) pending.reject(error);
  }
}
