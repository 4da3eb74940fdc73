/** ms of sending that may be caught up on. */
const TOLERANCE_MS = 20;

/** Keeps to a rate on average (the generic cell rate algorithm, ITU-T I.371). */
export class Pacer {
  readonly #rate: number;
  #next = 0;

  /** Bytes a second; Infinity is unlimited. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  /** ms until the next bytes may be asked for; 0: now. */
  wait(now: number): number {
    return Math.max(0, this.#next - now);
  }

  asked(bytes: number, now: number): void {
    this.#next = Math.max(this.#next, now - TOLERANCE_MS) + (bytes / this.#rate) * 1000;
  }
}
