// What the link delivered in each round trip, and how much was lost.

import {
  EXCESS_LOSS_FACTOR,
  EXCESS_LOSS_MARGIN,
  FULL_LOSS_ROUNDS,
  MAX_QUEUEING_DECAY,
  MAX_OWN_LOSS,
  MIN_ROUND_MS,
  MIN_ROUND_REQUESTS,
  NOT_FULL_QUEUEING_MS,
  NOT_FULL_QUEUEING_SHARE,
  OWN_LOSS_ROUNDS,
  RATE_INTERVAL_MS,
  REMEMBERED_ROUNDS,
} from './constants.js';

/** One round trip's worth of replies. */
export interface Round {
  /** Requests answered a ms. */
  readonly rate: number;
  /** Share of the requests that were lost, 0 to 1. */
  readonly loss: number;
  /** More is lost than the link's own loss: a queue is overflowing. */
  readonly congested: boolean;
  /** ms, the longest queueing in the round. */
  readonly queueing: number;
}

/**
 * Distinguishes losses of an overflowing queue from those of a bad radio: what is lost while hardly anything waits is
 * the link's own, and only what is lost beyond that while packets wait is congestion. The best rate of the latest rounds
 * is what the link can do (as in BBR, draft-cardwell-iccrg-bbr, section 4.1).
 */
export class Rounds {
  readonly #rates: number[] = [];
  readonly #notFullLoss = new Average(OWN_LOSS_ROUNDS);
  readonly #fullLoss = new Average(FULL_LOSS_ROUNDS);
  /** ms, the longest queueing lately. */
  #longest = 0;
  /** The last round was congested. */
  #congested = false;
  #since = 0;
  #until = 0;
  #answered = 0;
  #lost = 0;
  #queueing = 0;
  #rateSince = 0;
  #rateAnswered = 0;

  /** Requests answered a ms in the last RATE_INTERVAL_MS; 0 before that has been measured. */
  rateNow = 0;

  /** Requests a ms, at best; 0 before anything has been measured. */
  get bestRate(): number {
    return Math.max(0, ...this.#rates);
  }

  /** Share of requests that the link loses without congestion, 0 to 1. */
  get ownLoss(): number {
    return Math.min(MAX_OWN_LOSS, this.#notFullLoss.value);
  }

  /** A round begins with the request `nextOrder`: the time before was idle. */
  restart(now: number, nextOrder: number): void {
    this.#since = now;
    this.#until = nextOrder;
    this.#answered = 0;
    this.#lost = 0;
    this.#queueing = 0;
  }

  lost(): void {
    this.#lost++;
  }

  /** A request was answered, while packets waited for `queueing` ms. Returns the round that ends with it. */
  answered(order: number, queueing: number, now: number, nextOrder: number): Round | undefined {
    this.#answered++;
    this.#count(now);
    this.#queueing = Math.max(this.#queueing, queueing);
    const settled = this.#answered + this.#lost;
    if (order < this.#until || settled < MIN_ROUND_REQUESTS || now - this.#since < MIN_ROUND_MS)
      return undefined;
    const round = this.#judge(this.#answered / (now - this.#since), this.#lost / settled);
    this.restart(now, nextOrder);
    return round;
  }

  #count(now: number): void {
    this.#rateAnswered++;
    const past = now - this.#rateSince;
    if (past < RATE_INTERVAL_MS) return;
    this.rateNow = this.#rateAnswered / past;
    this.#rateSince = now;
    this.#rateAnswered = 0;
  }

  #judge(rate: number, loss: number): Round {
    const queueing = this.#queueing;
    this.#longest = Math.max(this.#longest * MAX_QUEUEING_DECAY, queueing);
    const isFull = queueing > Math.max(NOT_FULL_QUEUEING_MS, this.#longest * NOT_FULL_QUEUEING_SHARE);
    (isFull ? this.#fullLoss : this.#notFullLoss).add(loss);
    const maxLoss = this.ownLoss * EXCESS_LOSS_FACTOR + EXCESS_LOSS_MARGIN;
    const congested = isFull && !this.#congested && loss > maxLoss && this.#fullLoss.value > maxLoss;
    if (congested) this.#fullLoss.reset(this.ownLoss);
    // The requests of the next round were sent before this congestion could show.
    this.#congested = congested;
    this.#rates.push(rate);
    if (this.#rates.length > REMEMBERED_ROUNDS) this.#rates.shift();
    return { rate, loss, congested, queueing };
  }
}

/** A mean: of all values at first, then with a weight that falls with their age. */
class Average {
  value = 0;
  readonly #maxCount: number;
  #count = 0;

  /** `maxCount`: values with equal weight. */
  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  add(value: number): void {
    this.#count = Math.min(this.#maxCount, this.#count + 1);
    this.value += (value - this.value) / this.#count;
  }

  reset(value: number): void {
    this.value = value;
  }
}
