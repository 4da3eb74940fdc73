import type { Clock } from '../ports.js';

/** ms between heartbeats of this program where no vehicle is heard. */
const INTERVAL_MS = 1_000;
/** ms after our last heartbeat from which on the vehicle's next one is followed by ours. */
const MIN_INTERVAL_MS = 800;
/**
 * ms that we wait at most for the next heartbeat of a vehicle that has been heard. Long, because a timer that is replaced in time wakes
 * Node all the same; below the 5 s after which PX4 reports that its companion is lost (COM_OBC_LOSS_T).
 */
const MAX_INTERVAL_MS = 3_000;

/**
 * When our next heartbeat is due: together with the vehicle's, which comes once a second, so that a sleeping processor wakes once for
 * both; without it, a second after the last.
 */
export class Beat {
  readonly #clock: Clock;
  #last = -Infinity;
  /** Since our last one. */
  #isHeard = false;
  #waiting = new AbortController();

  constructor(clock: Clock, closed: AbortSignal) {
    this.#clock = clock;
    closed.addEventListener('abort', () => this.#waiting.abort(), { once: true });
  }

  /** The vehicle has sent a heartbeat. */
  heard(): void {
    this.#isHeard = true;
    if (this.#clock.monotonic() - this.#last >= MIN_INTERVAL_MS) this.#waiting.abort();
  }

  /** Resolves when the next one is due, or at the end. To be called when one has been sent. */
  async next(): Promise<void> {
    const ms = this.#isHeard ? MAX_INTERVAL_MS : INTERVAL_MS;
    this.#last = this.#clock.monotonic();
    this.#isHeard = false;
    await this.#clock.sleep(ms, this.#waiting.signal).catch(() => undefined);
    this.#waiting = new AbortController();
  }
}
