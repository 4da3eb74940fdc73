// How fast a link is, from two requests that were sent together: the slowest hop spreads their replies (packet pairs,
// Keshav 1991). The gap is known after one round trip, long before a rate could be measured.

import { MAX_GAPS, MIN_GAPS } from './constants.js';

export class ReplyGap {
  /**
   * ms that the link needs for a packet, at most; NaN while that is not known. This is the second smallest gap: the
   * smallest may be that of two replies that waited and then arrived together.
   */
  ms = NaN;
  readonly #gaps: number[] = [];
  #order = -Infinity;
  #at = 0;

  /** The request with this order was answered. */
  answered(order: number, now: number): void {
    if (order === this.#order + 1) this.#add(now - this.#at);
    this.#order = order;
    this.#at = now;
  }

  #add(gap: number): void {
    this.#gaps.push(gap);
    if (this.#gaps.length > MAX_GAPS) this.#gaps.shift();
    if (this.#gaps.length < MIN_GAPS) return;
    let [smallest, second] = [Infinity, Infinity];
    for (const other of this.#gaps) {
      if (other < smallest) [smallest, second] = [other, smallest];
      else second = Math.min(second, other);
    }
    this.ms = second;
  }
}
