// How fast a link is, from two requests that were sent together: the slowest place on the way spreads their replies
// (packet pairs, Keshav 1991). It is known after one round trip, long before a rate could be measured.

/** Gaps that are remembered, and needed. */
const MAX_SAMPLES = 8;
const MIN_SAMPLES = 3;

export class ReplyGap {
  /**
   * ms that the link needs for a packet, at most; NaN while that is not known. The second smallest gap: one alone may
   * be that of two replies that waited somewhere and then came together.
   */
  ms = NaN;
  readonly #gaps: number[] = [];
  #order = -Infinity;
  #at = 0;

  /** The request of that order was answered. */
  answered(order: number, now: number): void {
    if (order === this.#order + 1) this.#add(now - this.#at);
    this.#order = order;
    this.#at = now;
  }

  #add(gap: number): void {
    this.#gaps.push(gap);
    if (this.#gaps.length > MAX_SAMPLES) this.#gaps.shift();
    if (this.#gaps.length < MIN_SAMPLES) return;
    let [least, second] = [Infinity, Infinity];
    for (const other of this.#gaps) {
      if (other < least) [least, second] = [other, least];
      else second = Math.min(second, other);
    }
    this.ms = second;
  }
}
