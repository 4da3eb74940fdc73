// When an unanswered request is sent again (RFC 6298, with the times of a local link in place of the internet's).

import {
  INITIAL_TIMEOUT_MS,
  MAX_TIMEOUT_MS,
  MIN_TIMEOUT_MS,
  RTT_GAIN,
  RTT_VARIATION_FACTOR,
  RTT_VARIATION_GAIN,
} from './constants.js';

/** ms, of the timeout before it is doubled. */
export interface TimeoutLimits {
  readonly shortest: number;
  readonly longest: number;
}

/** Measures the round-trip time of a link and derives the timeout of a request from it. */
export class RetransmissionTimer {
  readonly #limits: TimeoutLimits;
  #smoothed: number | undefined;
  #variation = 0;
  /** Doublings that the last request needed. They stay until a reply is measured: else a link that became slow never is. */
  #doublings = 0;

  constructor(limits: TimeoutLimits = { shortest: MIN_TIMEOUT_MS, longest: MAX_TIMEOUT_MS }) {
    this.#limits = limits;
  }

  /** ms, the mean round trip; 0 before anything has been measured. */
  get smoothed(): number {
    return this.#smoothed ?? 0;
  }

  /** ms within which a reply comes unless it was lost; Infinity before anything has been measured. */
  get expected(): number {
    return this.#smoothed === undefined ? Infinity : this.#smoothed + RTT_VARIATION_FACTOR * this.#variation;
  }

  /** ms to wait for the reply after `sent` transmissions (1 is the first). */
  timeout(sent: number): number {
    const first = this.#smoothed === undefined ? INITIAL_TIMEOUT_MS : this.expected;
    const doublings = Math.max(this.#doublings, sent - 1);
    return Math.min(this.#limits.longest, Math.max(this.#limits.shortest, first) * 2 ** doublings);
  }

  /** A reply came `ms` after the first of `sent` transmissions. Only an unrepeated request is measured (Karn's algorithm). */
  answered(sent: number, ms: number): void {
    this.#doublings = sent - 1;
    if (sent > 1) return;
    const deviation = Math.abs((this.#smoothed ?? ms) - ms);
    this.#variation =
      this.#smoothed === undefined
        ? ms / 2
        : (1 - RTT_VARIATION_GAIN) * this.#variation + RTT_VARIATION_GAIN * deviation;
    this.#smoothed = (1 - RTT_GAIN) * (this.#smoothed ?? ms) + RTT_GAIN * ms;
  }
}
