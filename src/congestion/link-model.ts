import {
  GROUP_MS,
  INITIAL_PAIR_INTERVAL_MS,
  LOSS_SMOOTHING,
  MAX_BLOCK_TIMEOUT_MS,
  MAX_GROUP,
  MAX_GROUP_SHARE,
  MAX_REORDERING_MS,
  MAX_WINDOW_LOSS,
  MIN_BLOCK_TIMEOUT_MS,
  MIN_REPLY_GAP_MS,
  MIN_SILENT_REQUESTS,
  MIN_WINDOW_GAIN,
  PACING_FACTOR,
  PACING_TOLERANCE_MS,
  REORDERING_DECAY,
  SLOW_LINE_GAP_MS,
  SLOW_LINE_PACING_SHARE,
  SLOW_START_PACING_FACTOR,
} from './constants.js';
import { RetransmissionTimer } from './retransmission.js';
import { Ledbat, type LinkEstimate } from './ledbat.js';
import { QueueingDelay } from './queueing-delay.js';
import { ReplyGap } from './reply-gap.js';
import { Rounds, type Round } from './rounds.js';

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

/** What is known of the link to one vehicle. It is kept from one file to the next. */
export class LinkModel {
  readonly #timer = new RetransmissionTimer({
    shortest: MIN_BLOCK_TIMEOUT_MS,
    longest: MAX_BLOCK_TIMEOUT_MS,
  });
  readonly #delay = new QueueingDelay();
  readonly #rounds = new Rounds();
  readonly #gap = new ReplyGap();
  readonly #ledbat: Ledbat;
  /** ms by which overtaken replies come late. */
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
   * ms for which an overtaken request may still be answered (the reordering window of RACK, RFC 8985): 0 until a late
   * reply has shown that the link reorders.
   */
  get maxWait(): number {
    return this.#reordering === 0 ? 0 : this.#timer.smoothed + this.#reordering;
  }

  /** ms within which a reply comes unless it was lost. */
  get expected(): number {
    return Math.min(this.timeout, this.#timer.expected);
  }

  /** ms from one packet to the next. */
  get interval(): number {
    return this.#timer.smoothed / this.#ledbat.size;
  }

  /** Requests that leave together while others are in flight: those of GROUP_MS; 1 on links where that is none. */
  get group(): number {
    if (this.#timer.smoothed === 0) return 1;
    const share = Math.min(MAX_GROUP, this.#ledbat.size * MAX_GROUP_SHARE);
    return Math.max(1, Math.floor(Math.min(share, GROUP_MS / this.interval)));
  }

  /** ms until the next request may be sent; 0: now. */
  wait(now: number): number {
    return Math.max(0, this.#nextAt - now);
  }

  sent(now: number): void {
    this.#nextAt = Math.max(this.#nextAt, now - PACING_TOLERANCE_MS) + this.#pause;
    this.#second = !this.#second;
  }

  /** ms from one request to the next, at least. */
  get #pause(): number {
    if (this.#timer.smoothed === 0) return this.#second ? INITIAL_PAIR_INTERVAL_MS : 0;
    const pace = this.interval / (this.#ledbat.slowStart ? SLOW_START_PACING_FACTOR : PACING_FACTOR);
    return this.#isSlow ? Math.max(pace, SLOW_LINE_PACING_SHARE * this.#gap.ms) : pace;
  }

  get #isSlow(): boolean {
    return this.#gap.ms >= SLOW_LINE_GAP_MS;
  }

  /** A window of requests brings no more than one request at a time. */
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

  /** A reply with data came; `inFlight` requests are still open. `isFull`: the reply has the largest size. */
  answered({ order, sentAt }: Sent, isFull: boolean, now: number, inFlight: number, nextOrder: number): void {
    const roundTrip = now - sentAt;
    if (this.#delay.base === Infinity) this.#ledbat.begin(inFlight + 1);
    this.#timer.answered(1, roundTrip);
    this.#gap.answered(order, now);
    if (isFull) this.#delay.sample(roundTrip, now);
    const round = this.#rounds.answered(order, this.#delay.current, now, nextOrder);
    if (round) this.#roundEnded(round);
    if (this.#usesWindow(inFlight + 1)) this.#ledbat.answered(this.#link);
  }

  /** Pacing holds back some of the window (RFC 7661 has the same for TCP). */
  #usesWindow(inFlight: number): boolean {
    const { size, slowStart } = this.#ledbat;
    return inFlight >= Math.floor(size * (slowStart ? 0.5 : 0.9));
  }

  /** A request was given up. */
  lost(): void {
    this.#rounds.lost();
  }

  /** The reply to a request came after the request was given up. */
  late({ sentAt }: Sent, now: number): void {
    const late = Math.min(now - sentAt - this.#timer.smoothed, MAX_REORDERING_MS);
    this.#reordering = Math.max(this.#reordering, late);
  }

  /** None of the requests in flight was answered. */
  silent(inFlight: number): void {
    if (inFlight > MIN_SILENT_REQUESTS) this.#ledbat.restart(this.#link);
  }

  get #link(): LinkEstimate {
    const isSlow = this.#isSlow;
    const { base, current } = this.#delay;
    const { bestRate, rateNow, ownLoss } = this.#rounds;
    const rate = isSlow ? Math.max(bestRate, 1 / this.#gap.ms) : bestRate;
    // On a slow line the window does not allow for lost replies: when none is lost, telemetry would wait for them.
    const full = base < Infinity ? (rate * base) / (isSlow ? 1 : 1 - ownLoss) : 0;
    const certainRate = Math.max(rateNow, 1 / Math.max(MIN_REPLY_GAP_MS, this.#gap.ms) || 0);
    const minWindow = base < Infinity ? base * certainRate : 0;
    return { queueing: current, full, rate, minWindow, isSlow };
  }

  #roundEnded(round: Round): void {
    this.#reordering = this.#reordering < 1 ? 0 : this.#reordering * REORDERING_DECAY;
    if (round.congested) this.#ledbat.congested(this.#link, round.queueing);
    else this.#ledbat.uncongested();
    this.#loss += (round.loss - this.#loss) * LOSS_SMOOTHING;
    this.#notWorthwhile = this.#loss > MAX_WINDOW_LOSS && round.rate * this.#delay.base < MIN_WINDOW_GAIN;
  }
}
