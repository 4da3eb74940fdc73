// Congestion control that gives way to other traffic: LEDBAT (RFC 6817), with the slow start and the multiplicative
// decrease of LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus, sections 4.2 and 4.4). The window counts requests.

/** ms that packets may wait in queues because of us (TARGET; the RFC allows 100): telemetry waits with them. */
const TARGET = 25;
/** Slow start ends when so much of the target is reached. */
const SLOW_START_SHARE = 0.75;
/** Requests in flight to begin with, and at least. */
const FIRST_WINDOW = 4;
const LEAST_WINDOW = 2;
/** Share of the window by which it grows in a round trip while queues are empty. */
const GAIN = 1 / 16;
/** What is left of the window after a congested round, and at least after a round trip with far too long queues. */
const DECREASE = 0.7;
const STEEPEST = 0.5;
/** Share of the known window to begin with after an idle time. */
const RESTART_SHARE = 1 / 8;

export class Ledbat {
  readonly #most: number;
  #size = FIRST_WINDOW;
  /** Up to where the window doubles in each round trip. */
  #threshold = Infinity;

  /** `most`: requests in flight at most. */
  constructor(most: number) {
    this.#most = most;
    this.#set(FIRST_WINDOW);
  }

  /** Requests that may be in flight. */
  get size(): number {
    return Math.floor(this.#size);
  }

  /** A reply came while the window was used up. `queueing` in ms; the window does not grow beyond `ceiling`. */
  answered(queueing: number, ceiling: number, full: number): void {
    if (this.#size < this.#threshold) this.#slowStart(queueing, ceiling, full);
    else this.#steady(queueing, ceiling);
  }

  /** More was lost than the link loses by itself. `full` requests in flight fill the link without a queue. */
  congested(full: number): void {
    this.#set(Math.max(this.#size * DECREASE, Math.min(full, this.#size)));
    this.#threshold = 0;
  }

  /** The losses that seemed to be congestion were none. */
  cleared(): void {
    this.#threshold = Infinity;
  }

  /** Nothing at all is answered any more. */
  silent(): void {
    this.#set(LEAST_WINDOW);
    this.#threshold = Infinity;
  }

  /** The link was idle: what it can bear now is tried with less. */
  restart(): void {
    if (this.#threshold < Infinity) this.#threshold = this.#size;
    this.#set(Math.max(FIRST_WINDOW, this.#size * RESTART_SHARE));
  }

  #slowStart(queueing: number, ceiling: number, full: number): void {
    if (queueing > SLOW_START_SHARE * TARGET) {
      this.#set(Math.min(this.#size, Math.max(full, this.#size / 2)));
      this.#threshold = 0;
    } else this.#grow(1, ceiling);
  }

  #steady(queueing: number, ceiling: number): void {
    const offTarget = (TARGET - queueing) / TARGET;
    if (offTarget >= 0) this.#grow(offTarget * Math.max(GAIN, 1 / this.#size), ceiling);
    else this.#set(this.#size - Math.min(STEEPEST, -offTarget));
  }

  #grow(by: number, ceiling: number): void {
    if (this.#size < ceiling) this.#set(Math.min(ceiling, this.#size + by));
  }

  #set(size: number): void {
    this.#size = Math.min(this.#most, Math.max(Math.min(LEAST_WINDOW, this.#most), size));
  }
}
