import { Mutex } from 'async-mutex';
import { filter, firstValueFrom, type Observable } from 'rxjs';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type { LocalStorage } from '../local/storage.js';
import type { Clock, FileRecord } from '../ports.js';
import { hasLocalCopy } from '../record/state.js';
import { withinTime } from '../system/deadline.js';
import { MAX_READ_MS, without, type Result } from './result.js';

/** Results that are kept, of the files that were asked for last. */
const MAX_KEPT = 16;

export interface SignalsParts {
  readonly local: Pick<LocalStorage, 'reading'>;
  /** Whether any vehicle is armed: emits at once, then on each change. */
  readonly armed: Observable<boolean>;
  readonly clock: Pick<Clock, 'sleep'>;
}

/**
 * Altitude, speed and battery in the local copies of flight logs, read by the readers of facts, one file at a time and with turns
 * for the event loop. Never while a vehicle is armed: a reading that has begun ends then.
 */
export class Signals {
  readonly #parts: SignalsParts;
  readonly #oneAtATime = new Mutex();
  /** By the id of the record and the hash of its bytes; the one that was asked for last is the last entry. */
  readonly #kept = new Map<string, Result>();

  constructor(parts: SignalsParts) {
    this.#parts = parts;
  }

  /** Resolves with a note where there is nothing to plot. Rejects with `cancelled` if `signal` aborts. */
  async of(record: FileRecord, signal: AbortSignal): Promise<Result> {
    const key = `${record.id} ${record.sha256 ?? ''}`;
    const known = this.#kept.get(key);
    if (known) return this.#keep(key, known);
    if (!hasLocalCopy(record)) return without('noCopy');
    return this.#oneAtATime.runExclusive(() => this.#unlessArmed(key, record, signal));
  }

  async #unlessArmed(key: string, record: FileRecord, signal: AbortSignal): Promise<Result> {
    if (await firstValueFrom(this.#parts.armed)) return without('armed');
    const arming = new AbortController();
    const watching = this.#parts.armed
      .pipe(filter(Boolean))
      .subscribe(() => arming.abort(new FileSyncError('cancelled', without('armed').note)));
    try {
      const over = AbortSignal.any([signal, arming.signal]);
      const result = await this.#read(record, over);
      return result.note === '' ? this.#keep(key, result) : result;
    } catch (thrown) {
      const error = toFileSyncError(thrown);
      if (signal.aborted) throw error;
      return arming.signal.aborted ? without('armed') : { signals: [], note: error.message };
    } finally {
      watching.unsubscribe();
    }
  }

  async #read({ local, path, size }: FileRecord, signal: AbortSignal): Promise<Result> {
    const [{ signalsOf }, { accessTo }] = await Promise.all([
      import('./read.js'),
      import('../facts/file-access.js'),
    ]);
    const reading = (file: Parameters<typeof accessTo>[0]) =>
      withinTime(over => signalsOf(path, accessTo(file, size), over), {
        ...{ signal, ms: MAX_READ_MS, clock: this.#parts.clock },
      });
    return (await this.#parts.local.reading(local, reading)) ?? without('slow');
  }

  #keep(key: string, result: Result): Result {
    this.#kept.delete(key);
    this.#kept.set(key, result);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return result;
  }
}
