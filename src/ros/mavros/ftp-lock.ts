import { Mutex } from 'async-mutex';
import { throwIfAborted } from '../../errors.js';
import type { Clock, Logger } from '../../ports.js';
import { withDeadline } from '../../system/deadline.js';

/**
 * ms after which a call of a killed former run has certainly ended at MAVROS: the 5 s of a listing, and the reset that
 * a late reply causes.
 */
const QUIET_AT_START_MS = 6_200;

/**
 * One holder at a time, first come, first served: MAVROS aborts the whole process when two calls of its FTP plugin
 * overlap. The whole program shares one lock.
 */
export class FtpLock {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #mutex = new Mutex();
  /** Monotonic ms before which no call begins. */
  #quietUntil: number;

  constructor(clock: Clock, logger: Logger, quietAtStart = QUIET_AT_START_MS) {
    this.#clock = clock;
    this.#logger = logger;
    this.#quietUntil = clock.monotonic() + quietAtStart;
  }

  /**
   * Acquires the lock, then works. The abort of `signal` rejects with `cancelled` at once, and work that has not begun
   * does not begin; work that has begun continues to its end, and holds the lock that long.
   */
  async hold<Value>(signal: AbortSignal, work: () => Promise<Value>): Promise<Value> {
    throwIfAborted(signal);
    const asked = this.#clock.monotonic();
    const held = this.#mutex.runExclusive(async () => {
      throwIfAborted(signal);
      const acquired = this.#clock.monotonic();
      this.#log('acquired', asked);
      return work().finally(() => this.#log('released', acquired));
    });
    return withDeadline(held, { signal });
  }

  /** No call begins for `ms` from now on. To be called by the holder. */
  rest(ms: number): void {
    this.#quietUntil = Math.max(this.#quietUntil, this.#clock.monotonic() + ms);
  }

  /** Waits for the end of the rest; rejects with `cancelled` at the abort. For the holder, before each call. */
  async waitForRest(signal: AbortSignal): Promise<void> {
    const left = this.#quietUntil - this.#clock.monotonic();
    if (left > 0) await this.#clock.sleep(left, signal);
  }

  #log(event: string, since: number): void {
    const ms = Math.round(this.#clock.monotonic() - since);
    this.#logger.log('debug', `FTP lock ${event} after ${ms} ms`);
  }
}
