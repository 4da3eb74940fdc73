// How long packets wait in queues, as LEDBAT estimates it (RFC 6817, section 3.4.2), from round trips: requests are so
// small that hardly any of it arises on their way.

/** The delay now is the least of so many latest samples (CURRENT_FILTER): jitter is no queue. */
const LATEST_SAMPLES = 4;
/** ms, and share of a round trip, for which a sample is one of the latest: on a slow line the samples before it tell of another time. */
const LATEST_AGE = 25;
const LATEST_SHARE = 1 / 2;
/** ms for which the least delay is believed; two such times are remembered (BASE_HISTORY). */
const BASE_AGE = 5 * 60_000;

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
    if (now - this.#baseSince > BASE_AGE) {
      this.#olderBase = this.#base;
      this.#base = Infinity;
      this.#baseSince = now;
    }
    this.#base = Math.min(this.#base, ms);
    this.#latest.push({ ms, at: now });
    while (this.#isOld(this.#latest[0], now)) this.#latest.shift();
  }

  #isOld(sample: { readonly at: number } | undefined, now: number): boolean {
    const age = Math.max(LATEST_AGE, this.base * LATEST_SHARE);
    return sample !== undefined && (this.#latest.length > LATEST_SAMPLES || now - sample.at > age);
  }
}
