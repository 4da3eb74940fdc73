// Congestion control that yields to other traffic: LEDBAT (RFC 6817), with the slow start and the multiplicative
// decrease of LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus, sections 4.2 and 4.4). The window counts requests.

import {
  CONGESTED_DECREASE_FACTOR,
  EMPTY_QUEUE_GAIN,
  EMPTY_QUEUE_SHARE,
  GAIN,
  INITIAL_WINDOW,
  MAX_DECREASE_PER_REPLY,
  MAX_TARGET_PACKETS,
  MAX_WINDOW_FACTOR,
  MAX_WINDOW_MARGIN,
  MIN_QUEUE_PACKETS,
  MIN_TARGET_DELAY_MS,
  MIN_WINDOW,
  REDUCED_TARGET_SHARE,
  RESTART_SHARE,
  SLOW_START_END_SHARE,
  TARGET_DELAY_MS,
  TARGET_GROWTH_FACTOR,
  TARGET_PACKETS_MS,
} from './constants.js';

/** What is known of the link. */
export interface LinkEstimate {
  /** ms that packets wait in queues now. */
  readonly queueing: number;
  /** Requests in flight that fill the link without a queue. */
  readonly full: number;
  /** Requests answered a ms, at best. */
  readonly rate: number;
  /** Requests in flight that the link supports for certain; 0: not known. */
  readonly minWindow: number;
  /** Packets take so long that the rate is known well: slow start, or a window beyond the aim, brings no gain. */
  readonly isSlow: boolean;
}

export class Ledbat {
  readonly #maxWindow: number;
  #size = INITIAL_WINDOW;
  /** Requests up to which the window doubles in each round trip: the slow start threshold. */
  #threshold = Infinity;
  /** ms of queueing. */
  #target = TARGET_DELAY_MS;

  /** `maxWindow`: requests. */
  constructor(maxWindow: number) {
    this.#maxWindow = maxWindow;
    this.#set(INITIAL_WINDOW);
  }

  /** Requests that may be in flight. */
  get size(): number {
    return Math.floor(this.#size);
  }

  /** The window doubles in each round trip. */
  get slowStart(): boolean {
    return this.#size < this.#threshold;
  }

  /** The first reply came, with `inFlight` requests in flight. */
  begin(inFlight: number): void {
    this.#set(inFlight);
  }

  /** A reply came while the window was used up. */
  answered(link: LinkEstimate): void {
    if (this.slowStart) this.#slowStart(link);
    else this.#steady(link);
  }

  /** More was lost than the link's own loss explains, with packets waiting for `queueing` ms. */
  congested({ full, rate }: LinkEstimate, queueing: number): void {
    const minTarget =
      rate > 0
        ? Math.min(TARGET_DELAY_MS, Math.max(MIN_TARGET_DELAY_MS, MIN_QUEUE_PACKETS / rate))
        : MIN_TARGET_DELAY_MS;
    this.#target = Math.max(minTarget, Math.min(this.#target, queueing * REDUCED_TARGET_SHARE));
    this.#set(Math.max(this.#size * CONGESTED_DECREASE_FACTOR, Math.min(full, this.#size)));
    this.#threshold = 0;
  }

  /** A round trip ended without congestion. */
  uncongested(): void {
    this.#target = Math.min(TARGET_DELAY_MS, this.#target * TARGET_GROWTH_FACTOR);
  }

  /** Replies have stopped for a while, or nothing was sent: the window begins smaller. */
  restart({ full }: LinkEstimate): void {
    if (this.#threshold < Infinity) this.#threshold = Math.max(full, MIN_WINDOW);
    this.#set(full > 0 ? full * RESTART_SHARE : INITIAL_WINDOW);
  }

  #slowStart(link: LinkEstimate): void {
    const isFull = link.queueing > SLOW_START_END_SHARE * this.#target;
    if (link.isSlow) this.#endSlowStart(this.#aim(link));
    else if (this.#size < link.minWindow) this.#set(link.minWindow);
    else if (isFull)
      this.#endSlowStart(Math.min(this.#size, Math.max(link.full, link.minWindow, this.#size / 2)));
    else this.#grow(1, link);
  }

  #endSlowStart(size: number): void {
    this.#set(size);
    this.#threshold = 0;
  }

  #steady(link: LinkEstimate): void {
    const offTarget = 1 - link.queueing / this.#target;
    const gain = offTarget > 1 - EMPTY_QUEUE_SHARE ? EMPTY_QUEUE_GAIN : GAIN;
    // What the link delivered lately need not be approached step by step.
    if (offTarget >= 0 && this.#size < link.full) this.#set(Math.min(link.full, this.#size + 1));
    else if (offTarget >= 0) this.#grow(offTarget * Math.max(gain, 1 / this.#size), link);
    else this.#shrink(Math.min(MAX_DECREASE_PER_REPLY, -offTarget), link);
  }

  #grow(by: number, link: LinkEstimate): void {
    const aim = this.#aim(link);
    const ceiling = link.isSlow ? aim : MAX_WINDOW_FACTOR * aim + MAX_WINDOW_MARGIN;
    if (this.#size < ceiling) this.#set(Math.min(ceiling, this.#size + by));
  }

  /** Never below the aim: delay beyond the target is then caused by others. */
  #shrink(by: number, link: LinkEstimate): void {
    const floor = this.#aim(link);
    if (this.#size > floor) this.#set(Math.max(floor, this.#size - by));
  }

  /** Requests in flight that fill the link and make a queue as long as the target. */
  #aim({ full, rate }: LinkEstimate): number {
    const packets = Math.min(MAX_TARGET_PACKETS, Math.max(1, rate * TARGET_PACKETS_MS));
    return full + Math.max(packets, rate * this.#target);
  }

  #set(size: number): void {
    this.#size = Math.min(this.#maxWindow, Math.max(Math.min(MIN_WINDOW, this.#maxWindow), size));
  }
}
