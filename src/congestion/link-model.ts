import { RetransmissionTimer } from './retransmission.js';
import { Ledbat, type LinkEstimate } from './ledbat.js';
import { QueueingDelay } from './queueing-delay.js';
import { ReplyGap } from './reply-gap.js';
import { Rounds, type Round } from './rounds.js';

/**
 * ms that a block is waited for. Overtaken ones are asked again long before; this is for the last of a file and for
 * slow serial lines, and must not be so short that a busy vehicle is asked twice (Linux has the same for TCP).
 */
const TIMEOUT = { shortest: 200, longest: 5_000 };
/** Requests in flight whose common silence may be chance on a bad link. */
const MIN_SAMPLES = 4;
/** ms by which a reply may be late and still count as overtaken. */
const MOST_REORDERING = 100;
/** Weight of a round without late replies in the patience. */
const DECAY = 0.9;
/** Times the window that is sent in a round trip at most: in slow start, and later (as Linux paces TCP). */
const PACE_START = 2;
const PACING_FACTOR = 1.25;
/** ms between two requests that are sent together and the next two, before anything has been measured: slow lines bear that. */
const FIRST_INTERVAL = 100;
/** ms: no link is believed to be faster than that because replies came so close together. */
const MIN_GAP_MS = 1;
/** ms between replies from which on a line is slow: they are far enough apart to be measured well. */
const COARSE_GAP = 10;
/** Share of such a gap that lies between two requests at least. */
const GAP_SHARE = 0.92;
/** ms of sending that may be caught up on. */
const PACE_TOLERANCE = 4;
/** Times the rate of one request at a time that a window must reach, where it loses so much, to be worth it. */
const MIN_GAIN = 1.3;
const MAX_LOSS = 0.45;
/** Weight of a round in the mean loss: a few bad rounds on a bad radio are chance. */
const LOSS_SMOOTHING = 1 / 32;

export interface WindowLimits {
  /** Bytes of file data a second; Infinity is unlimited. */
  readonly rate: number;
  /** Requests. */
  readonly inFlight: number;
}

/** One request that was sent. */
export interface Sent {
  /** Counts the requests in the order in which they were sent. */
  readonly order: number;
  /** Monotonic ms. */
  readonly sentAt: number;
}

/** What is known of the way to one vehicle and back. It outlives the files. */
export class LinkModel {
  readonly #timer = new RetransmissionTimer(TIMEOUT);
  readonly #delay = new QueueingDelay();
  readonly #rounds = new Rounds();
  readonly #gap = new ReplyGap();
  readonly #ledbat: Ledbat;
  /** ms by which replies come late that other replies have overtaken. */
  #reordering = 0;
  #notWorthwhile = false;
  /** Mean share of requests that are lost. */
  #loss = 0;
  /** Monotonic ms at which the next request is due. */
  #nextAt = 0;
  /** The next request is the second of two. */
  #second = false;

  constructor(limits: WindowLimits) {
    this.#ledbat = new Ledbat(limits.inFlight);
  }

  /** Requests that may be in flight. */
  get window(): number {
    return this.#ledbat.size;
  }

  /** ms, the mean round trip; 0 before anything has been measured. */
  get roundTrip(): number {
    return this.#timer.smoothed;
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

  /** ms from one packet to the next. */
  get interval(): number {
    return this.#timer.smoothed / this.#ledbat.size;
  }

  /** ms until the next request may be sent; 0: now. */
  wait(now: number): number {
    return Math.max(0, this.#nextAt - now);
  }

  sent(now: number): void {
    this.#nextAt = Math.max(this.#nextAt, now - PACE_TOLERANCE) + this.#pause;
    this.#second = !this.#second;
  }

  /** ms from one request to the next, at least. */
  get #pause(): number {
    if (this.#timer.smoothed === 0) return this.#second ? FIRST_INTERVAL : 0;
    const pace = this.interval / (this.#ledbat.slowStart ? PACE_START : PACING_FACTOR);
    return this.#isSlow ? Math.max(pace, GAP_SHARE * this.#gap.ms) : pace;
  }

  get #isSlow(): boolean {
    return this.#gap.ms >= COARSE_GAP;
  }

  /** Requests in flight bring no more than one at a time would. */
  get notWorthwhile(): boolean {
    return this.#notWorthwhile;
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

  /** A reply with data came, after which `inFlight` requests are still open. `isFull`: it is as large as replies are. */
  answered({ order, sentAt }: Sent, isFull: boolean, now: number, inFlight: number, nextOrder: number): void {
    const roundTrip = now - sentAt;
    if (this.#delay.base === Infinity) this.#ledbat.begin(inFlight + 1);
    this.#timer.answered(1, roundTrip);
    this.#gap.answered(order, now);
    if (isFull) this.#delay.sample(roundTrip, now);
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
  late({ sentAt }: Sent, now: number): void {
    const late = Math.min(now - sentAt - this.#timer.smoothed, MOST_REORDERING);
    this.#reordering = Math.max(this.#reordering, late);
  }

  /** None of the requests in flight was answered. */
  silent(inFlight: number): void {
    if (inFlight > MIN_SAMPLES) this.#ledbat.restart(this.#link);
  }

  get #link(): LinkEstimate {
    const isSlow = this.#isSlow;
    const { base, current } = this.#delay;
    const { bestRate, rateNow, ownLoss } = this.#rounds;
    const rate = isSlow ? Math.max(bestRate, 1 / this.#gap.ms) : bestRate;
    // On a slow line, those whose replies get lost are not made up for: when none is, telemetry would wait for them.
    const full = base < Infinity ? (rate * base) / (isSlow ? 1 : 1 - ownLoss) : 0;
    const borne = Math.max(rateNow, 1 / Math.max(MIN_GAP_MS, this.#gap.ms) || 0);
    const least = base < Infinity ? base * borne : 0;
    return { queueing: current, full, rate, least, isSlow };
  }

  #ended(round: Round): void {
    this.#reordering = this.#reordering < 1 ? 0 : this.#reordering * DECAY;
    if (round.congested) this.#ledbat.congested(this.#link, round.queueing);
    else this.#ledbat.uncongested();
    this.#loss += (round.loss - this.#loss) * LOSS_SMOOTHING;
    this.#notWorthwhile = this.#loss > MAX_LOSS && round.rate * this.#delay.base < MIN_GAIN;
  }
}
