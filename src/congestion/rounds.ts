// What the link delivered in each round trip, and how much of it was lost.

/** Rounds whose best rate is remembered. */
const REMEMBERED_ROUNDS = 8;
/** A round has at least so many ms and so many settled requests, or it would say nothing. */
const MIN_ROUND_TIME_MS = 20;
const MIN_REPLIES = 16;
/** ms of queueing up to which the link counts as not full, and the same as a share of the longest queueing lately. */
const MIN_QUEUEING_MS = 4;
const CALM_SHARE = 1 / 2;
/** What is left of the longest queueing after each round. */
const DECAY = 0.98;
/** Loss that no bad radio explains: so many times the link's own, and so much on top. */
const EXCESS_TIMES = 1.5;
const MAX_EXCESS_LOSS = 0.02;
/** Rounds over which the shares of losses are averaged, those of full queues over fewer: losses come in runs. */
const AVERAGED = 16;
const FULL_AVERAGED = 8;
/** ms over which the rate of now is measured, at least. */
const MIN_ROUND_MS = 50;
/** Of the link's own losses; beyond it every estimate breaks down. */
const MOST_LOSS = 0.6;

/** One round trip's worth of replies. */
export interface Round {
  /** Requests answered a ms. */
  readonly rate: number;
  /** Share of the requests that were lost, 0 to 1. */
  readonly loss: number;
  /** More is lost than this link loses by itself: a queue is overflowing. */
  readonly congested: boolean;
  /** ms, the longest queueing in the round. */
  readonly queueing: number;
}

/**
 * Tells losses of an overflowing queue from those of a bad radio: what is lost while hardly anything waits is the link's
 * own, and only what is lost beyond that while packets wait is congestion. The best rate of the latest rounds is what
 * the link can do (as in BBR, draft-cardwell-iccrg-bbr, section 4.1).
 */
export class Rounds {
  readonly #rates: number[] = [];
  readonly #calmLoss = new Average(AVERAGED);
  readonly #fullLoss = new Average(FULL_AVERAGED);
  /** ms. */
  #longest = 0;
  /** The last round was. */
  #congested = false;
  #since = 0;
  #until = 0;
  #answered = 0;
  #lost = 0;
  #queueing = 0;
  #momentSince = 0;
  #momentAnswered = 0;

  /** Requests answered a ms just now, far less than a round trip ago on long ways; 0 before that has been measured. */
  rateNow = 0;

  /** Requests a ms, at best; 0 before anything has been measured. */
  get bestRate(): number {
    return Math.max(0, ...this.#rates);
  }

  /** Share of requests that the link loses by itself, 0 to 1. */
  get ownLoss(): number {
    return Math.min(MOST_LOSS, this.#calmLoss.value);
  }

  /** Begins anew with the request of that order: the time before was idle. */
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

  /** A request was answered, while packets waited for `queueing` ms; gives the round that ends with it. */
  answered(order: number, queueing: number, now: number, nextOrder: number): Round | undefined {
    this.#answered++;
    this.#count(now);
    this.#queueing = Math.max(this.#queueing, queueing);
    const settled = this.#answered + this.#lost;
    if (order < this.#until || settled < MIN_REPLIES || now - this.#since < MIN_ROUND_TIME_MS)
      return undefined;
    const round = this.#judge(this.#answered / (now - this.#since), this.#lost / settled);
    this.restart(now, nextOrder);
    return round;
  }

  #count(now: number): void {
    this.#momentAnswered++;
    const past = now - this.#momentSince;
    if (past < MIN_ROUND_MS) return;
    this.rateNow = this.#momentAnswered / past;
    this.#momentSince = now;
    this.#momentAnswered = 0;
  }

  #judge(rate: number, loss: number): Round {
    const queueing = this.#queueing;
    this.#longest = Math.max(this.#longest * DECAY, queueing);
    const calm = queueing <= Math.max(MIN_QUEUEING_MS, this.#longest * CALM_SHARE);
    (calm ? this.#calmLoss : this.#fullLoss).add(loss);
    const most = this.ownLoss * EXCESS_TIMES + MAX_EXCESS_LOSS;
    const congested = !calm && !this.#congested && loss > most && this.#fullLoss.value > most;
    if (congested) this.#fullLoss.reset(this.ownLoss);
    // What the next round loses was asked for before anybody could know.
    this.#congested = congested;
    this.#rates.push(rate);
    if (this.#rates.length > REMEMBERED_ROUNDS) this.#rates.shift();
    return { rate, loss, congested, queueing };
  }
}

/** Of the first values all alike, then with less and less weight for the older ones. */
class Average {
  value = 0;
  readonly #most: number;
  #count = 0;

  /** `most`: values that count in full. */
  constructor(most: number) {
    this.#most = most;
  }

  add(value: number): void {
    this.#count = Math.min(this.#most, this.#count + 1);
    this.value += (value - this.value) / this.#count;
  }

  reset(value: number): void {
    this.value = value;
  }
}
