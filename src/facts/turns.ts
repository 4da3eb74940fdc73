import { setImmediate as nextTurn } from 'node:timers/promises';
import { throwIfAborted } from '../errors.js';

/** Work without a pause: what else the program does, such as telemetry and deliveries, waits that long at most. */
const MAX_WORK_MS = 4;

/** Divides long work, so that the event loop gets its turns. */
export class Turns {
  readonly #signal: AbortSignal;
  readonly #now: () => number;
  #since: number;

  constructor(signal: AbortSignal, now = () => performance.now()) {
    this.#signal = signal;
    this.#now = now;
    this.#since = now();
  }

  /** Whether it is time to `pause`. */
  get due(): boolean {
    return this.#now() - this.#since >= MAX_WORK_MS;
  }

  /** Lets everything run that waits. Throws `cancelled` when the signal has aborted. */
  async pause(): Promise<void> {
    await nextTurn();
    throwIfAborted(this.#signal);
    this.#since = this.#now();
  }
}
