import { RetransmissionTimer } from '../retransmission.js';
import { BlockSize } from './block-size.js';
import type { Transmission } from './flight.js';
import { Ledbat, type LinkEstimate } from './ledbat.js';
import { QueueingDelay } from './queueing-delay.js';
import { Rounds, type Round } from './rounds.js';

/**
 * ms that a block is waited for. Overtaken ones are asked again long before; this is for the last of a file and for
 * slow serial lines, and must not be so short that a busy vehicle is asked twice (Linux has the same for TCP).
 */
const TIMEOUT = { shortest: 200, longest: 5_000 };
/** Requests in flight whose common silence may be chance on a bad link. */
const FEW = 4;
/** ms by which a reply may be late and still count as overtaken. */
const MOST_REORDERING = 100;
/** Weight of a round without late replies in the patience. */
const FORGETTING = 0.9;
/** Times the window that is sent in a round trip at most: in slow start, and later (as Linux paces TCP). */
const PACE_START = 2;
const PACE = 1.25;
/** ms between requests before anything has been measured: twice that rate is what the slowest lines bear. */
const FIRST_INTERVAL = 25;
/** ms of sending that may be caught up on. */
const PACE_TOLERANCE = 4;
/** Times the rate of one request at a time that a window must reach, where it loses so much, to be worth it. */
const WORTH = 1.3;
const USELESS_LOSS = 0.45;
/** Weight of a round in the mean loss. */
const LOSS_SMOOTHING = 1 / 8;

export interface WindowLimits {
  /** Bytes of file data a second; Infinity is unlimited. */
  readonly rate: number;
  /** Requests. */
  readonly inFlight: number;
}

/** What is known of the way to one vehicle and back. It outlives the files. */
export class Path {
  readonly blockSize = new BlockSize();
  readonly #timer = new RetransmissionTimer(TIMEOUT);
  readonly #delay = new QueueingDelay();
  readonly #rounds = new Rounds();
  readonly #ledbat: Ledbat;
  /** ms by which replies come late that other replies have overtaken. */
  #reordering = 0;
  #useless = false;
  /** Mean share of requests that are lost. */
  #loss = 0;
  /** Monotonic ms at which the next request is due. */
  #nextAt = 0;

  constructor(limits: WindowLimits) {
    this.#ledbat = new Ledbat(limits.inFlight);
  }

  /** Requests that may be in flight. */
  get window(): number {
    return this.#ledbat.size;
  }

  /** ms after which an unanswered request is given up. */
  get timeout(): number {
    return this.#timer.timeout(1);
  }

  /**
   * ms for which an overtaken request is still waited for (the reordering window of RACK, RFC 8985): none at all, until
   * a late reply has shown that the link changes their order.
   */
  get patience(): number {
    return this.#reordering === 0 ? 0 : this.#timer.smoothed + this.#reordering;
  }

  /** ms within which a reply comes if it was not lost. */
  get expected(): number {
    return Math.min(this.timeout, this.#timer.expected);
  }

  /** ms until the next request may be sent; 0: now. */
  wait(now: number): number {
    return Math.max(0, this.#nextAt - now);
  }

  sent(now: number): void {
    const { slowStart, size } = this.#ledbat;
    const interval = this.#timer.smoothed / size / (slowStart ? PACE_START : PACE);
    this.#nextAt = Math.max(this.#nextAt, now - PACE_TOLERANCE) + (interval || FIRST_INTERVAL);
  }

  /** Requests in flight bring no more than one at a time would. */
  get useless(): boolean {
    return this.#useless;
  }

  /** A file begins. */
  restart(now: number, nextOrder: number): void {
    this.#ledbat.restart(this.#link);
    this.resume(now, nextOrder);
  }

  /** Requests go on after a pause. */
  resume(now: number, nextOrder: number): void {
    this.#rounds.restart(now, nextOrder);
  }

  /** A reply with data came, after which `inFlight` requests are still open. */
  answered({ order, sentAt, block }: Transmission, now: number, inFlight: number, nextOrder: number): void {
    const roundTrip = now - sentAt;
    if (this.#delay.base === Infinity) this.#ledbat.begin(inFlight + 1);
    this.#timer.answered(1, roundTrip);
    if (block.size >= this.blockSize.size) this.#delay.sample(roundTrip, now);
    const round = this.#rounds.answered(order, this.#delay.current, now, nextOrder);
    if (round) this.#ended(round);
    if (this.#usesWindow(inFlight + 1)) this.#ledbat.answered(this.#link);
  }

  /** Pacing keeps some of the window back (RFC 7661 has the same for TCP). */
  #usesWindow(inFlight: number): boolean {
    const { size, slowStart } = this.#ledbat;
    return inFlight >= Math.floor(size * (slowStart ? 0.5 : 0.9));
  }

  /** A request was given up. */
  lost(): void {
    this.#rounds.lost();
  }

  /** The reply to a request that was given up came after all. */
  late({ sentAt }: Transmission, now: number): void {
    const late = Math.min(now - sentAt - this.#timer.smoothed, MOST_REORDERING);
    this.#reordering = Math.max(this.#reordering, late);
  }

  /** None of the requests in flight was answered. */
  silent(inFlight: number): void {
    if (inFlight > FEW) this.#ledbat.restart(this.#link);
  }

  get #link(): LinkEstimate {
    return { queueing: this.#delay.current, full: this.#full, rate: this.#rounds.bestRate };
  }

  /** Requests in flight that fill the link, those included whose replies it loses. */
  get #full(): number {
    const { base } = this.#delay;
    return base < Infinity ? (this.#rounds.bestRate * base) / (1 - this.#rounds.ownLoss) : 0;
  }

  #ended(round: Round): void {
    this.#reordering = this.#reordering < 1 ? 0 : this.#reordering * FORGETTING;
    if (round.congested) this.#ledbat.congested(this.#link, round.queueing);
    else this.#ledbat.uncongested();
    this.#loss += (round.loss - this.#loss) * LOSS_SMOOTHING;
    this.#useless = this.#loss > USELESS_LOSS && round.rate * this.#delay.base < WORTH;
  }
}
