import type { Clock } from '../../../src/ports.js';
import { systemClock } from '../../../src/system/clock.js';

/** How many times faster than real time the program's time goes by. */
export const SPEED = 30;

/** Minutes of the program pass in seconds; the wall clock is what the test says. */
export class FastClock implements Clock {
  readonly boot = 'fa57b007';
  synchronised = true;
  readonly #began = performance.now();
  /** Wall time at the beginning. */
  #wall = Date.now();

  now(): number {
    return Math.floor(this.#wall + this.monotonic());
  }

  monotonic(): number {
    return (performance.now() - this.#began) * SPEED;
  }

  /** Sets the wall clock alone. */
  setWall(ms: number): void {
    this.#wall = ms - this.monotonic();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms / SPEED, signal);
  }
}
