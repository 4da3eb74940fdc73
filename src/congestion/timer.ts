import type { Clock } from '../ports.js';

/**
 * A timer that rings once, at the earliest time that was set, and can then be set again. A second sleep of 0 ms lets the
 * program handle what arrived during a stall before the timer rings.
 */
export class Timer {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #due = Infinity;
  #sleep: AbortController | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** `at`: monotonic ms. Does nothing if the timer rings earlier. */
  set(at: number): void {
    if (at >= this.#due) return;
    this.cancel();
    this.#due = at;
    this.#sleep = new AbortController();
    void this.#wait(at, this.#sleep.signal);
  }

  cancel(): void {
    this.#sleep?.abort();
    this.#sleep = undefined;
    this.#due = Infinity;
  }

  async #wait(at: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(at - this.#clock.monotonic(), signal);
      await this.#clock.sleep(0, signal);
    } catch {
      return;
    }
    if (signal.aborted) return;
    this.#due = Infinity;
    this.#ring();
  }
}
