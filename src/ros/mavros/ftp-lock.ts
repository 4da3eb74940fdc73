import { Mutex } from 'async-mutex';
import { throwIfAborted } from '../../errors.js';
import type { Clock } from '../../ports.js';
import { withDeadline } from '../../system/deadline.js';

/**
 * ms in which a call of a former run of ours that was killed has certainly ended at MAVROS: the 5 s of its listing, and
 * what a reply that came too late may have set off.
 */
const QUIET_AT_START = 6_200;

/**
 * One holder at a time, in the order of asking: MAVROS aborts the whole process when a call of its FTP plugin meets another
 * one. The whole program shares one.
 */
export class FtpLock {
  readonly #clock: Clock;
  readonly #mutex = new Mutex();
  /** Monotonic ms before which nobody begins. */
  #quietUntil: number;

  constructor(clock: Clock, quietAtStart = QUIET_AT_START) {
    this.#clock = clock;
    this.#quietUntil = clock.monotonic() + quietAtStart;
  }

  /**
   * Waits for its turn, then works. The abort of `signal` rejects with `cancelled` at once and keeps work that has not
   * begun from beginning; what has begun goes on to its end, and holds the lock so long.
   */
  async hold<Value>(signal: AbortSignal, work: () => Promise<Value>): Promise<Value> {
    throwIfAborted(signal);
    const held = this.#mutex.runExclusive(async () => {
      throwIfAborted(signal);
      return work();
    });
    return withDeadline(held, { signal });
  }

  /** Nobody begins for so many ms from now on. To be called by the holder. */
  rest(ms: number): void {
    this.#quietUntil = Math.max(this.#quietUntil, this.#clock.monotonic() + ms);
  }

  /** Waits for the end of the rest; rejects with `cancelled` at the abort. For the holder, before each call. */
  async quiet(signal: AbortSignal): Promise<void> {
    const left = this.#quietUntil - this.#clock.monotonic();
    if (left > 0) await this.#clock.sleep(left, signal);
  }
}
