import { setImmediate as othersRun } from 'node:timers/promises';
import { Observable, type Subscriber } from 'rxjs';
import type { Change, Clock } from '../ports.js';

/** Between two batches. */
const GATHER_MS = 100;
/** Few enough that they block nothing, and that their events fit into the buffers of a client that reads. */
const BATCH_FILES = 100;
/** More files that have changed since the last batch are not told one by one. */
export const MAX_CHANGED_FILES = 1000;

/** The ids of the files that change, each once for all its changes since the last batch; undefined: too many have changed. */
export function changedFiles(changes: Observable<Change>, clock: Clock): Observable<string | undefined> {
  return new Observable(subscriber => {
    const files = new ChangedFiles(subscriber, clock);
    const noting = changes.subscribe({
      next: ({ id }) => files.note(id),
      complete: () => subscriber.complete(),
    });
    noting.add(() => files.close());
    return noting;
  });
}

class ChangedFiles {
  readonly #subscriber: Subscriber<string | undefined>;
  readonly #clock: Clock;
  readonly #ids = new Set<string>();
  readonly #closed = new AbortController();
  #isTooMany = false;
  #isSending = false;

  constructor(subscriber: Subscriber<string | undefined>, clock: Clock) {
    this.#subscriber = subscriber;
    this.#clock = clock;
  }

  note(id: string): void {
    if (!this.#isTooMany) this.#ids.add(id);
    if (this.#ids.size > MAX_CHANGED_FILES) {
      this.#ids.clear();
      this.#isTooMany = true;
    }
    if (!this.#isSending) void this.#send();
  }

  close(): void {
    this.#closed.abort();
  }

  async #send(): Promise<void> {
    const { signal } = this.#closed;
    this.#isSending = true;
    await othersRun();
    while ((this.#ids.size > 0 || this.#isTooMany) && !signal.aborted) {
      this.#sendBatch();
      await this.#clock.sleep(GATHER_MS, signal).catch(() => undefined);
    }
    this.#isSending = false;
  }

  #sendBatch(): void {
    if (this.#isTooMany) this.#subscriber.next(undefined);
    this.#isTooMany = false;
    for (const id of [...this.#ids].slice(0, BATCH_FILES))
      if (this.#ids.delete(id)) this.#subscriber.next(id);
  }
}
