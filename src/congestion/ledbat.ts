// Congestion control that gives way to other traffic: LEDBAT (RFC 6817), with the slow start and the multiplicative
// decrease of LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus, sections 4.2 and 4.4). The window counts requests.

/** ms that packets may wait in queues because of us (TARGET; the RFC allows 100): telemetry waits with them. */
const TARGET_DELAY_MS = 25;
/** The same where a queue overflows sooner: share of its delay then, ms at least, growth in a round without overflow. */
const TARGET_SHARE = 1 / 2;
const LEAST_TARGET = 3;
/** Packets that a queue holds in any case. */
const LEAST_PACKETS = 4;
const TARGET_GROWTH = 1.01;
/** The same in packets, where that is more: one, and two if they take no more than so many ms. */
const MOST_PACKETS = 2;
const PACKETS_TIME = 50;
/** Slow start ends when so much of the target is reached. */
const SLOW_START_SHARE = 0.4;
/** Requests in flight before the first reply (RFC 6928), and at least. */
const FIRST_WINDOW = 10;
const LEAST_WINDOW = 2;
/** Share of the window by which it grows in a round trip at most, and while queues are as good as empty. */
const GAIN = 1 / 16;
const GAIN_EMPTY = 1 / 8;
/** Share of the target up to which queues count as empty. */
const EMPTY = 1 / 4;
/** Times what fills the link that may be in flight, and requests on top, where its rate is not known well. */
const CEILING_SHARE = 3;
const CEILING_MARGIN = 16;
/** What is left of the window after a congested round, and at least after a round trip with far too long queues. */
const DECREASE = 0.7;
const MAX_DECREASE = 0.5;
/** Share of the known window to begin with after an idle time. */
const RESTART_SHARE = 1 / 2;

/** What is known of the link. */
export interface LinkEstimate {
  /** ms that packets wait in queues now. */
  readonly queueing: number;
  /** Requests in flight that fill the link without a queue. */
  readonly full: number;
  /** Requests answered a ms, at best. */
  readonly rate: number;
  /** Requests in flight that it bears for certain; 0: that is not known. */
  readonly least: number;
  /** Packets take so long that the rate is known well: neither slow start nor more than the aim is of use. */
  readonly isSlow: boolean;
}

export class Ledbat {
  readonly #most: number;
  #size = FIRST_WINDOW;
  /** Up to where the window doubles in each round trip. */
  #threshold = Infinity;
  /** ms. */
  #target = TARGET_DELAY_MS;

  /** `most`: requests in flight at most. */
  constructor(most: number) {
    this.#most = most;
    this.#set(FIRST_WINDOW);
  }

  /** Requests that may be in flight. */
  get size(): number {
    return Math.floor(this.#size);
  }

  /** The window doubles in each round trip. */
  get slowStart(): boolean {
    return this.#size < this.#threshold;
  }

  /** The very first reply came, with so many requests in flight. */
  begin(inFlight: number): void {
    this.#set(inFlight);
  }

  /** A reply came while the window was used up. */
  answered(link: LinkEstimate): void {
    if (this.slowStart) this.#slowStart(link);
    else this.#steady(link);
  }

  /** More was lost than the link loses by itself, with packets waiting for `queueing` ms. */
  congested({ full, rate }: LinkEstimate, queueing: number): void {
    const least =
      rate > 0 ? Math.min(TARGET_DELAY_MS, Math.max(LEAST_TARGET, LEAST_PACKETS / rate)) : LEAST_TARGET;
    this.#target = Math.max(least, Math.min(this.#target, queueing * TARGET_SHARE));
    this.#set(Math.max(this.#size * DECREASE, Math.min(full, this.#size)));
    this.#threshold = 0;
  }

  /** A round trip went by without that. */
  uncongested(): void {
    this.#target = Math.min(TARGET_DELAY_MS, this.#target * TARGET_GROWTH);
  }

  /** Nothing was answered any more for a while, or nothing was asked: what the link bears now is tried with less. */
  restart({ full }: LinkEstimate): void {
    if (this.#threshold < Infinity) this.#threshold = Math.max(full, LEAST_WINDOW);
    this.#set(full > 0 ? full * RESTART_SHARE : FIRST_WINDOW);
  }

  #slowStart(link: LinkEstimate): void {
    const isFull = link.queueing > SLOW_START_SHARE * this.#target;
    if (link.isSlow) this.#endSlowStart(this.#aim(link));
    else if (this.#size < link.least) this.#set(link.least);
    else if (isFull)
      this.#endSlowStart(Math.min(this.#size, Math.max(link.full, link.least, this.#size / 2)));
    else this.#grow(1, link);
  }

  #endSlowStart(size: number): void {
    this.#set(size);
    this.#threshold = 0;
  }

  #steady(link: LinkEstimate): void {
    const offTarget = 1 - link.queueing / this.#target;
    const gain = offTarget > 1 - EMPTY ? GAIN_EMPTY : GAIN;
    // What the link was seen to deliver lately need not be approached step by step.
    if (offTarget >= 0 && this.#size < link.full) this.#set(Math.min(link.full, this.#size + 1));
    else if (offTarget >= 0) this.#grow(offTarget * Math.max(gain, 1 / this.#size), link);
    else this.#shrink(Math.min(MAX_DECREASE, -offTarget), link);
  }

  #grow(by: number, link: LinkEstimate): void {
    const aim = this.#aim(link);
    const most = link.isSlow ? aim : CEILING_SHARE * aim + CEILING_MARGIN;
    if (this.#size < most) this.#set(Math.min(most, this.#size + by));
  }

  /** Never below what makes a queue as long as the target: delay beyond that is not of our making. */
  #shrink(by: number, link: LinkEstimate): void {
    const least = this.#aim(link);
    if (this.#size > least) this.#set(Math.max(least, this.#size - by));
  }

  /** Requests in flight that fill the link and make a queue as long as the target. */
  #aim({ full, rate }: LinkEstimate): number {
    const packets = Math.min(MOST_PACKETS, Math.max(1, rate * PACKETS_TIME));
    return full + Math.max(packets, rate * this.#target);
  }

  #set(size: number): void {
    this.#size = Math.min(this.#most, Math.max(Math.min(LEAST_WINDOW, this.#most), size));
  }
}
