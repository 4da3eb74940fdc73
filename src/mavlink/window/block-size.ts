import { MAX_DATA } from '../ftp-payload.js';

/** After so many smaller blocks, a full one is tried: the link may carry it after all. */
const TRIAL_INTERVAL = 32;

/** Bytes to ask for at once: what the link carries whole (as path MTU discovery does, RFC 8899). */
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

  /** `got` of `asked` bytes came. */
  answered(asked: number, got: number): void {
    if (got < asked) this.#size = Math.min(this.#size, Math.max(1, got));
    else if (got > this.#size) this.#size = got;
  }
}
