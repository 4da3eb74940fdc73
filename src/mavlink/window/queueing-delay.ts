// How long packets wait in queues, as LEDBAT estimates it (RFC 6817, section 3.4.2), from round trips: requests are so
// small that hardly any of it arises on their way.

/** The delay now is the least of so many latest samples (CURRENT_FILTER): jitter is no queue. */
const LATEST_SAMPLES = 4;
/** ms for which the least delay is believed; two such times are remembered (BASE_HISTORY). */
const BASE_AGE = 5 * 60_000;

export class QueueingDelay {
  readonly #latest: number[] = [];
  #base = Infinity;
  #olderBase = Infinity;
  #baseSince = -Infinity;

  /** ms of a round trip through empty queues; Infinity before anything has been measured. */
  get base(): number {
    return Math.min(this.#base, this.#olderBase);
  }

  /** ms that packets wait in queues now. */
  get current(): number {
    return this.#latest.length === 0 ? 0 : Math.min(...this.#latest) - this.base;
  }

  /** A reply came `ms` after its request. */
  sample(ms: number, now: number): void {
    if (now - this.#baseSince > BASE_AGE) {
      this.#olderBase = this.#base;
      this.#base = Infinity;
      this.#baseSince = now;
    }
    this.#base = Math.min(this.#base, ms);
    this.#latest.push(ms);
    if (this.#latest.length > LATEST_SAMPLES) this.#latest.shift();
  }
}
