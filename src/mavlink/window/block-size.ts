import { MAX_DATA } from '../ftp-payload.js';

/** Smaller blocks after which a full one is requested: the link may carry it again. */
const TRIAL_INTERVAL = 32;

/** Bytes to request at once: the largest block that the link carries whole (as path MTU discovery, RFC 8899). */
export class BlockSize {
  #size = MAX_DATA;
  #asked = 0;

  get size(): number {
    return this.#size;
  }

  /** For the next new block. */
  next(): number {
    return this.#size < MAX_DATA && ++this.#asked % TRIAL_INTERVAL === 0 ? MAX_DATA : this.#size;
  }

  /** A reply held `got` of `asked` bytes. */
  answered(asked: number, got: number): void {
    if (got < asked) this.#size = Math.min(this.#size, Math.max(1, got));
    else if (got > this.#size) this.#size = got;
  }
}
