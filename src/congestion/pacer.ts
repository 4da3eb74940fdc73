import { RATE_LIMIT_TOLERANCE_MS } from './constants.js';

/** Keeps requests to a rate on average (the generic cell rate algorithm, ITU-T I.371). */
export class Pacer {
  readonly #rate: number;
  #next = 0;

  /** Bytes a second; Infinity is unlimited. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  /** ms until the next bytes may be requested; 0: now. */
  wait(now: number): number {
    return Math.max(0, this.#next - now);
  }

  asked(bytes: number, now: number): void {
    this.#next = Math.max(this.#next, now - RATE_LIMIT_TOLERANCE_MS) + (bytes / this.#rate) * 1000;
  }
}
