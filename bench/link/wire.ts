import { seededRandom } from '../../src/sim/impairment.js';

/** One direction of a link. */
export interface WireConditions {
  /** Bytes a second. */
  readonly rate: number;
  /** ms from the last bit's departure to its arrival. */
  readonly delay: number;
  /** Share of packets that arrive broken, 0 to 1. They take their time on the wire. */
  readonly loss: number;
  /** Packets that are lost in a row on average: 1 is loss by pure chance. */
  readonly lossRun: number;
  /** Bytes that may wait for the wire; a packet that finds no room is dropped. */
  readonly queue: number;
}

/** What becomes of a packet that got onto the wire. Times are in ms on the clock of the caller. */
export interface Passage {
  readonly arrives: number;
  /** ms that it waited for others. */
  readonly waited: number;
  readonly lost: boolean;
}

export interface WireCounts {
  packets: number;
  bytes: number;
  lost: number;
  dropped: number;
}

/**
 * One direction of a link: a drop-tail queue in front of a wire. It only computes: when each packet arrives follows
 * from when it was offered, not from when a timer rang. Losses come in runs (the two states of Gilbert, 1960).
 */
export class Wire {
  readonly counts: WireCounts = { packets: 0, bytes: 0, lost: 0, dropped: 0 };
  readonly #how: WireConditions;
  readonly #random: () => number;
  /** Monotonic ms at which everything offered so far has been sent. */
  #idleAt = 0;
  #bad = false;

  constructor(how: WireConditions, seed: number) {
    this.#how = how;
    this.#random = seededRandom(seed);
  }

  /** Undefined if the queue has no room. */
  offer(size: number, now: number): Passage | undefined {
    const start = Math.max(now, this.#idleAt);
    const waiting = ((start - now) / 1000) * this.#how.rate;
    if (waiting > 0 && waiting + size > this.#how.queue) {
      this.counts.dropped++;
      return undefined;
    }
    this.#idleAt = start + (size / this.#how.rate) * 1000;
    this.counts.packets++;
    this.counts.bytes += size;
    const lost = this.#isLost();
    if (lost) this.counts.lost++;
    return { arrives: this.#idleAt + this.#how.delay, waited: start - now, lost };
  }

  #isLost(): boolean {
    const { loss, lossRun } = this.#how;
    if (loss === 0) return false;
    const recovery = 1 / lossRun;
    const failure = (loss * recovery) / (1 - loss);
    if (lossRun === 1) return this.#random() < loss;
    this.#bad = this.#bad ? this.#random() >= recovery : this.#random() < failure;
    return this.#bad;
  }
}
