import { toFileSyncError } from '../errors.js';
import type { Clock, FileRecord, Logger } from '../ports.js';
import type { CommitQueue } from './commit-queue.js';

/** `later`: written with the record's next change; `soon`: written within a second. */
export type WriteDelay = 'later' | 'soon';

export interface DelayedWritesParts {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
  readonly commits: CommitQueue;
  readonly get: (id: string) => FileRecord | undefined;
  /** Names the database in messages. */
  readonly path: string;
}

/**
 * A write waits for one to two of these, which leaves time for it to end within a second: a change that is soon followed by one
 * that is written anyway needs no write of its own.
 */
const TICK_MS = 450;
/** Records that are added to the commit queue together: as many as one commit takes. */
const COMMIT_BATCH = 256;

/**
 * Records that are newer in memory than in the journal. The record is written as it is at that time. A write that fails changes
 * nothing in memory, because no caller waits for it: it is retried after the same delay.
 */
export class DelayedWrites {
  readonly #parts: DelayedWritesParts;
  readonly #waiting = new Map<string, WriteDelay>();
  /** Records that have waited for a whole tick. */
  #due: ReadonlySet<string> = new Set();
  #timer: AbortController | undefined;
  #stopped = false;

  constructor(parts: DelayedWritesParts) {
    this.#parts = parts;
  }

  add(id: string, delay: WriteDelay): void {
    if (delay === 'soon' || !this.#waiting.has(id)) this.#waiting.set(id, delay);
    if (delay === 'soon') this.#startTimer();
  }

  /** Removes and returns the record's delay: a change that is being written replaces the delayed write. */
  take(id: string): WriteDelay | undefined {
    const delay = this.#waiting.get(id);
    this.#waiting.delete(id);
    return delay;
  }

  /** Restores the delay that `take` returned, whatever was added since. */
  restore(id: string, delay: WriteDelay | undefined): void {
    this.take(id);
    if (delay) this.add(id, delay);
  }

  /** Ends the timer and writes all waiting records. Never rejects. */
  async close(): Promise<void> {
    this.#stopped = true;
    this.#timer?.abort();
    await this.#write([...this.#waiting.keys()]);
  }

  #startTimer(): void {
    if (this.#timer || this.#stopped) return;
    const timer = new AbortController();
    this.#timer = timer;
    this.#parts.clock.sleep(TICK_MS, timer.signal).then(
      () => this.#onTimer(),
      () => undefined,
    );
  }

  #onTimer(): void {
    this.#timer = undefined;
    const soon = [...this.#waiting].flatMap(([id, delay]) => (delay === 'soon' ? [id] : []));
    void this.#write(soon.filter(id => this.#due.has(id)));
    this.#due = new Set(soon.filter(id => this.#waiting.has(id) && !this.#due.has(id)));
    if (this.#due.size > 0) this.#startTimer();
  }

  async #write(ids: readonly string[]): Promise<void> {
    try {
      for (let start = 0; start < ids.length; start += COMMIT_BATCH) {
        await Promise.all(ids.slice(start, start + COMMIT_BATCH).map(id => this.#writeOne(id)));
      }
    } catch (error) {
      if (this.#stopped) this.#report(error);
    }
  }

  async #writeOne(id: string): Promise<void> {
    const record = this.#parts.get(id);
    const delay = this.take(id);
    if (!record || !delay) return;
    await this.#parts.commits.add({ put: record }, () => {
      if (!this.#waiting.has(id)) this.add(id, delay);
      return undefined;
    });
  }

  #report(error: unknown): void {
    const { logger, path } = this.#parts;
    const why = toFileSyncError(error).message;
    logger.log('warn', `changes cannot be written to the database ${path}, they are lost: ${why}`);
  }
}
