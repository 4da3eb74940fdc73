// What the link delivered in each round trip, and how much of it was lost.

/** Rounds whose best rate is remembered. */
const MEMORY = 8;
/** A round has at least so many ms and so many settled requests, or it would say nothing. */
const SHORTEST_ROUND = 20;
const FEWEST = 16;
/** Share of the best rate below which the link was not full. */
const FULL = 0.9;
/** Loss above the link's own that no queue explains, and how many standard deviations chance may add to it. */
const MARGIN = 0.02;
const DEVIATIONS = 3;
/** Weight of a round that lost less than the link is known for. */
const SMOOTHING = 1 / 4;

/** One round trip's worth of replies. */
export interface Round {
  /** Requests answered a ms. */
  readonly rate: number;
  /** Share of the requests that were lost, 0 to 1. */
  readonly loss: number;
  /** More was lost than this link loses by itself: a queue is overflowing. */
  readonly congested: boolean;
  /** The link turned out to lose more by itself than was thought: no queue had been overflowing. */
  readonly learned: boolean;
}

/**
 * Tells losses of an overflowing queue from those of a bad radio: what is lost while the link is not full is the link's
 * own. The best rate of the latest rounds is what the link can do (as in BBR, draft-cardwell-iccrg-bbr, section 4.1).
 */
export class Rounds {
  readonly #rates: number[] = [];
  #ownLoss = 0;
  #since = 0;
  #until = 0;
  #answered = 0;
  #lost = 0;

  /** Requests a ms, at best; 0 before anything has been measured. */
  get bestRate(): number {
    return Math.max(0, ...this.#rates);
  }

  /** Share of requests that the link loses by itself, 0 to 1. */
  get ownLoss(): number {
    return this.#ownLoss;
  }

  /** Begins anew with the request of that order: the time before was idle. */
  restart(now: number, nextOrder: number): void {
    this.#since = now;
    this.#until = nextOrder;
    this.#answered = 0;
    this.#lost = 0;
  }

  lost(): void {
    this.#lost++;
  }

  /** A request was answered; gives the round that ends with it. */
  answered(order: number, now: number, nextOrder: number): Round | undefined {
    this.#answered++;
    const settled = this.#answered + this.#lost;
    if (order < this.#until || settled < FEWEST || now - this.#since < SHORTEST_ROUND) return undefined;
    const round = this.#judge(this.#answered / (now - this.#since), this.#lost / settled, settled);
    this.restart(now, nextOrder);
    return round;
  }

  #judge(rate: number, loss: number, settled: number): Round {
    const chance = DEVIATIONS * Math.sqrt((Math.max(loss, MARGIN) * (1 - loss)) / settled);
    const excess = loss > this.#ownLoss + MARGIN + chance;
    const full = rate >= FULL * this.bestRate;
    if (!full) this.#ownLoss = loss;
    else if (loss < this.#ownLoss) this.#ownLoss -= (this.#ownLoss - loss) * SMOOTHING;
    this.#rates.push(rate);
    if (this.#rates.length > MEMORY) this.#rates.shift();
    return { rate, loss, congested: excess && full, learned: excess && !full };
  }
}
