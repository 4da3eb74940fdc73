import type { Clock } from '../ports.js';

/**
 * One timer that can be set again and again. It rings at the earliest time that was set, and must then be set anew. It
 * takes a short second sleep, so that after a stall of the program what has come in meanwhile is looked at first.
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

  /** `at`: monotonic ms. Does nothing if it rings earlier anyway. */
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
