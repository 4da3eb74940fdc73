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
  /** Bytes that may wait for the wire; a packet that finds no space is dropped. */
  readonly queue: number;
}

/** The fate of a packet on the wire. Times are in ms on the clock of the caller. */
export interface Transmission {
  readonly arrives: number;
  /** ms that the packet waited for others. */
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
 * One direction of a link: a drop-tail queue in front of a wire. The time of arrival is computed from the time at which
 * a packet was offered and depends on no timer. Losses come in runs (the two states of Gilbert, 1960).
 */
export class Wire {
  readonly counts: WireCounts = { packets: 0, bytes: 0, lost: 0, dropped: 0 };
  readonly #conditions: WireConditions;
  readonly #random: () => number;
  /** Monotonic ms at which everything offered so far has been sent. */
  #idleAt = 0;
  #bad = false;

  constructor(how: WireConditions, seed: number) {
    this.#conditions = how;
    this.#random = seededRandom(seed);
  }

  /** Undefined if the queue has no space. */
  offer(size: number, now: number): Transmission | undefined {
    const start = Math.max(now, this.#idleAt);
    const waiting = ((start - now) / 1000) * this.#conditions.rate;
    if (waiting > 0 && waiting + size > this.#conditions.queue) {
      this.counts.dropped++;
      return undefined;
    }
    this.#idleAt = start + (size / this.#conditions.rate) * 1000;
    this.counts.packets++;
    this.counts.bytes += size;
    const lost = this.#isLost();
    if (lost) this.counts.lost++;
    return { arrives: this.#idleAt + this.#conditions.delay, waited: start - now, lost };
  }

  #isLost(): boolean {
    const { loss, lossRun } = this.#conditions;
    if (loss === 0) return false;
    const recovery = 1 / lossRun;
    const failure = (loss * recovery) / (1 - loss);
    if (lossRun === 1) return this.#random() < loss;
    this.#bad = this.#bad ? this.#random() >= recovery : this.#random() < failure;
    return this.#bad;
  }
}
