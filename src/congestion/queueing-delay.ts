// How long packets wait in queues, as LEDBAT estimates it (RFC 6817, section 3.4.2), from round trips:
// requests are too small to wait long on their way to the vehicle.

import {
  BASE_DELAY_INTERVAL_MS,
  CURRENT_DELAY_SAMPLES,
  MIN_SAMPLE_AGE_MS,
  MIN_SAMPLE_AGE_SHARE,
} from './constants.js';

export class QueueingDelay {
  readonly #latest: { readonly ms: number; readonly at: number }[] = [];
  #base = Infinity;
  #olderBase = Infinity;
  #baseSince = -Infinity;

  /** ms of a round trip through empty queues; Infinity before anything has been measured. */
  get base(): number {
    return Math.min(this.#base, this.#olderBase);
  }

  /** ms that packets wait in queues now. */
  get current(): number {
    return this.#latest.length === 0 ? 0 : Math.min(...this.#latest.map(({ ms }) => ms)) - this.base;
  }

  /** A reply came `ms` after its request. */
  sample(ms: number, now: number): void {
    if (now - this.#baseSince > BASE_DELAY_INTERVAL_MS) {
      this.#olderBase = this.#base;
      this.#base = Infinity;
      this.#baseSince = now;
    }
    this.#base = Math.min(this.#base, ms);
    this.#latest.push({ ms, at: now });
    while (this.#isOld(this.#latest[0], now)) this.#latest.shift();
  }

  #isOld(sample: { readonly at: number } | undefined, now: number): boolean {
    const age = Math.max(MIN_SAMPLE_AGE_MS, this.base * MIN_SAMPLE_AGE_SHARE);
    return sample !== undefined && (this.#latest.length > CURRENT_DELAY_SAMPLES || now - sample.at > age);
  }
}
