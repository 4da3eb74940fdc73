import type { Sent } from '../../congestion/link-model.js';
import type { Block } from './blocks.js';

/** One request for a block. */
export interface Transmission extends Sent {
  readonly block: Block;
  /** The request was given up; its reply may still come. */
  readonly lost: boolean;
}

interface Tracked extends Transmission {
  lost: boolean;
}

/** The requests in flight, neither answered nor given up, in the order in which they were sent. */
export class InFlight {
  readonly #inFlight = new Map<number, Tracked>();
  #next = 0;
  #latestAnswered = -1;

  get size(): number {
    return this.#inFlight.size;
  }

  get oldest(): Transmission | undefined {
    return this.at(0);
  }

  /** The request at `index`; 0 is the oldest. */
  at(index: number): Transmission | undefined {
    let passed = 0;
    for (const transmission of this.#inFlight.values()) if (passed++ === index) return transmission;
    return undefined;
  }

  /** The order of the next request. */
  get nextOrder(): number {
    return this.#next;
  }

  add(block: Block, now: number): Transmission {
    const transmission = { block, order: this.#next++, sentAt: now, lost: false };
    this.#inFlight.set(transmission.order, transmission);
    return transmission;
  }

  answered({ order }: Transmission): void {
    this.#inFlight.delete(order);
    this.#latestAnswered = Math.max(this.#latestAnswered, order);
  }

  /** Gives up the requests older than `maxWait` (ms) whose successor was answered. */
  takeOvertaken(now: number, maxWait: number): Transmission[] {
    const isOver = ({ order, sentAt }: Transmission) =>
      order < this.#latestAnswered && now - sentAt >= maxWait;
    return this.#takeWhile(isOver);
  }

  /** Gives up the requests older than `timeout` (ms). */
  takeExpired(now: number, timeout: number): Transmission[] {
    return this.#takeWhile(({ sentAt }) => sentAt + timeout <= now);
  }

  /** Gives up all requests. */
  takeAll(): Transmission[] {
    return this.#takeWhile(() => true);
  }

  #takeWhile(isOver: (transmission: Transmission) => boolean): Transmission[] {
    const taken: Transmission[] = [];
    for (const transmission of this.#inFlight.values()) {
      if (!isOver(transmission)) break;
      transmission.lost = true;
      this.#inFlight.delete(transmission.order);
      taken.push(transmission);
    }
    return taken;
  }
}
