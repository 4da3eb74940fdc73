import { systemClock } from '../../src/system/clock.js';
import type { Clock } from '../../src/ports.js';

/** The machine's clock, on which time passes that many times faster. */
export class FastClock implements Clock {
  readonly synchronised = true;
  readonly boot = systemClock.boot;
  readonly #factor: number;
  #sleeping = 0;
  readonly #start = { wall: Date.now(), monotonic: systemClock.monotonic() };

  constructor(factor: number) {
    this.#factor = factor;
  }

  now(): number {
    return this.#start.wall + (this.monotonic() - this.#start.monotonic);
  }

  monotonic(): number {
    const { monotonic } = this.#start;
    return monotonic + (systemClock.monotonic() - monotonic) * this.#factor;
  }

  /** How many sleeps are under way: every timer of the program is one. */
  get sleeping(): number {
    return this.#sleeping;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.#sleeping++;
    try {
      await systemClock.sleep(ms / this.#factor, signal);
    } finally {
      this.#sleeping--;
    }
  }
}
