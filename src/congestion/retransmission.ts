// When an unanswered request is sent again (RFC 6298, with the times of a local link in place of the internet's).

/** ms before anything has been measured. */
const FIRST_TIMEOUT = 500;
/**
 * ms: a stall of either program must not cost a repetition. That does no harm by itself, but after one nobody knows whether a
 * session was opened twice.
 */
const SHORTEST_TIMEOUT = 50;
const LONGEST_TIMEOUT = 1_000;

/** ms, of the time that is waited for one reply before anything is doubled. */
export interface TimeoutLimits {
  readonly shortest: number;
  readonly longest: number;
}

/** Learns the round-trip time of a link and derives from it how long to wait for a reply. */
export class RetransmissionTimer {
  readonly #limits: TimeoutLimits;
  #smoothed: number | undefined;
  #variation = 0;
  /** Doublings that the last request needed: kept until a reply is measured, or a link that became slow never is. */
  #doublings = 0;

  constructor(limits: TimeoutLimits = { shortest: SHORTEST_TIMEOUT, longest: LONGEST_TIMEOUT }) {
    this.#limits = limits;
  }

  /** ms, the mean round trip; 0 before anything has been measured. */
  get smoothed(): number {
    return this.#smoothed ?? 0;
  }

  /** ms within which a reply comes, unless something is the matter; Infinity before anything has been measured. */
  get expected(): number {
    return this.#smoothed === undefined ? Infinity : this.#smoothed + 4 * this.#variation;
  }

  /** ms to wait for the reply after `sent` transmissions (1 is the first). */
  timeout(sent: number): number {
    const first = this.#smoothed === undefined ? FIRST_TIMEOUT : this.#smoothed + 4 * this.#variation;
    const doublings = Math.max(this.#doublings, sent - 1);
    return Math.min(this.#limits.longest, Math.max(this.#limits.shortest, first) * 2 ** doublings);
  }

  /** A reply came `ms` after the first transmission. Only an unrepeated request tells which one it answers (Karn). */
  answered(sent: number, ms: number): void {
    this.#doublings = sent - 1;
    if (sent > 1) return;
    const deviation = Math.abs((this.#smoothed ?? ms) - ms);
    this.#variation = this.#smoothed === undefined ? ms / 2 : 0.75 * this.#variation + 0.25 * deviation;
    this.#smoothed = 0.875 * (this.#smoothed ?? ms) + 0.125 * ms;
  }
}
