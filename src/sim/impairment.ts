import type { Clock } from '../ports.js';

/** The impairments of a link, in each direction separately. */
export interface Impairments {
  /** Share of packets that are lost, 0 to 1. */
  readonly loss: number;
  /** ms, in one direction. */
  readonly delay: number;
  /** Bytes a second; Infinity is unlimited. */
  readonly rate: number;
  /** Share of packets that arrive twice. */
  readonly dup: number;
  /** Share of packets that arrive after later ones. */
  readonly reorder: number;
  /** Equal seeds impair equal packets equally. */
  readonly seed: number;
}

export const UNIMPAIRED: Impairments = { loss: 0, delay: 0, rate: Infinity, dup: 0, reorder: 0, seed: 1 };

/** ms by which a reordered packet is delayed. */
const REORDER_DELAY_MS = 20;
/** ms of sending that may wait in front of a slow link; packets beyond that are dropped, as by a radio's buffer. */
const MAX_BACKLOG_MS = 2000;
/** ms of backlog from which a burst waits for the link. */
const CONGESTED_AT_MS = 20;

interface Waiting {
  /** Monotonic ms. */
  readonly due: number;
  deliver(): void;
}

/** One direction of a link. Unimpaired packets are delivered at once, in the same turn of the event loop. */
export class Impairment {
  readonly #impairments: Impairments;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Ordered by `due`. */
  #waiting: Waiting[] = [];
  /** Monotonic ms at which the link has sent all packets. */
  #idleAt = 0;
  #wakeUp: AbortController | undefined;
  #delivering = false;
  #closed = false;
  #dropped = 0;

  constructor(impairments: Impairments, clock: Clock, direction: number) {
    this.#impairments = impairments;
    this.#clock = clock;
    this.#random = seededRandom(impairments.seed * 8 + direction);
  }

  /** Packets lost so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Calls `deliver` never, once or twice, now or later. */
  send(size: number, deliver: () => void): void {
    if (this.#strikes(this.#impairments.loss)) {
      this.#dropped++;
      return;
    }
    this.#transmit(size, deliver);
    if (this.#strikes(this.#impairments.dup)) this.#transmit(size, deliver);
  }

  /** ms until the link can send more without a growing backlog; 0: now. */
  get congestion(): number {
    const backlog = this.#idleAt - this.#clock.monotonic();
    return backlog > CONGESTED_AT_MS ? backlog - CONGESTED_AT_MS / 2 : 0;
  }

  /** Packets in flight are lost. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#wakeUp?.abort();
  }

  #strikes(share: number): boolean {
    return share > 0 && this.#random() < share;
  }

  #transmit(size: number, deliver: () => void): void {
    const now = this.#clock.monotonic();
    const start = Math.max(now, this.#idleAt);
    if (start - now > MAX_BACKLOG_MS) {
      this.#dropped++;
      return;
    }
    this.#idleAt = start + (size / this.#impairments.rate) * 1000;
    const due =
      this.#idleAt +
      this.#impairments.delay +
      (this.#strikes(this.#impairments.reorder) ? REORDER_DELAY_MS : 0);
    if (due <= now) deliver();
    else this.#enqueue({ due, deliver });
  }

  #enqueue(packet: Waiting): void {
    if (this.#closed) return;
    const index = this.#waiting.findLastIndex(other => other.due <= packet.due) + 1;
    this.#waiting.splice(index, 0, packet);
    if (index === 0) this.#wakeUp?.abort();
    if (!this.#delivering) void this.#deliverWhenDue();
  }

  async #deliverWhenDue(): Promise<void> {
    this.#delivering = true;
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const wait = first.due - this.#clock.monotonic();
      if (wait > 0) {
        await this.#sleep(wait);
        continue;
      }
      this.#waiting.shift();
      first.deliver();
    }
    this.#delivering = false;
  }

  /** Ends early when a packet arrives that is due sooner. */
  async #sleep(ms: number): Promise<void> {
    this.#wakeUp = new AbortController();
    await this.#clock.sleep(ms, this.#wakeUp.signal).catch(() => undefined);
    this.#wakeUp = undefined;
  }
}

/** Numbers in [0, 1) that depend only on the seed (Tommy Ettinger's Mulberry32, public domain). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
