import { toFileSyncError } from '../errors.js';
import type { Clock, FileRecord, Logger } from '../ports.js';
import type { CommitQueue } from './commit-queue.js';

/** Whether a note waits for its record's next change, or is to be written soon. */
export type Note = 'later' | 'soon';

export interface NotesParts {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
  readonly commits: CommitQueue;
  readonly get: (id: string) => FileRecord | undefined;
  /** Names the database in messages. */
  readonly path: string;
}

/** ms from a note that is to be written soon to its write, which is over within a second then. */
const DELAY_MS = 900;
/** Notes that are handed to the commit queue at a time: a commit's worth. */
const PORTION = 256;

/**
 * Records that are newer in memory than the journal knows. A note is written as the record is by then. A write that fails
 * changes nothing in memory, for nobody waits for it: it is reported once, and attempted again after the same delay.
 */
export class Notes {
  readonly #parts: NotesParts;
  readonly #waiting = new Map<string, Note>();
  #timer: AbortController | undefined;
  #failing = false;
  #stopped = false;

  constructor(parts: NotesParts) {
    this.#parts = parts;
  }

  add(id: string, note: Note): void {
    if (note === 'soon' || !this.#waiting.has(id)) this.#waiting.set(id, note);
    if (note === 'soon') this.#startTimer();
  }

  /** Takes the record's note away: a change that is on its way to the journal replaces it. */
  take(id: string): Note | undefined {
    const note = this.#waiting.get(id);
    this.#waiting.delete(id);
    return note;
  }

  /** Has the record's note be what `take` gave, whatever has been noted since. */
  restore(id: string, note: Note | undefined): void {
    this.take(id);
    if (note) this.add(id, note);
  }

  /** Ends the timer and writes all that waits. Never rejects. */
  async close(): Promise<void> {
    this.#stopped = true;
    this.#timer?.abort();
    await this.#write([...this.#waiting.keys()]);
  }

  #startTimer(): void {
    if (this.#timer || this.#stopped) return;
    const timer = new AbortController();
    this.#timer = timer;
    this.#parts.clock.sleep(DELAY_MS, timer.signal).then(
      () => this.#onTimer(),
      () => undefined,
    );
  }

  #onTimer(): void {
    this.#timer = undefined;
    const soon = [...this.#waiting].filter(([, note]) => note === 'soon');
    void this.#write(soon.map(([id]) => id));
  }

  async #write(ids: readonly string[]): Promise<void> {
    try {
      for (let start = 0; start < ids.length; start += PORTION) {
        await Promise.all(ids.slice(start, start + PORTION).map(id => this.#writeOne(id)));
        this.#failing = false;
      }
    } catch (error) {
      if (!this.#failing) this.#report(error);
      this.#failing = true;
    }
  }

  async #writeOne(id: string): Promise<void> {
    const record = this.#parts.get(id);
    const note = this.take(id);
    if (!record || !note) return;
    await this.#parts.commits.add({ put: record }, () => {
      if (!this.#waiting.has(id)) this.add(id, note);
      return undefined;
    });
  }

  #report(error: unknown): void {
    const { logger, path } = this.#parts;
    const why = toFileSyncError(error).message;
    const then = this.#stopped ? 'they are lost' : 'they are attempted again until they can';
    logger.log('warn', `notes cannot be written to the database ${path}, ${then}: ${why}`);
  }
}
