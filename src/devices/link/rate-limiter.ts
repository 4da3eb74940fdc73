import type { ByteStream, Clock } from '../../ports.js';

/** What is sent or read at once is so much that it takes no longer: a server that is not read from for longer may give up. */
const MAX_PAUSE_MS = 250;

/** Bytes a second for all transfers of one device: a token bucket that holds as much as MAX_PAUSE_MS. */
export class RateLimiter {
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  /** Monotonic ms at which all bytes that were admitted so far have their time. */
  #paid = -Infinity;

  /** @param rate bytes a second, more than 0 */
  constructor(rate: number, clock: Clock) {
    this.#bytesPerMs = rate / 1000;
    this.#clock = clock;
  }

  /** The same bytes in pieces, each when its time has come. */
  async *pace(bytes: ByteStream, signal?: AbortSignal): ByteStream {
    const size = Math.max(1, Math.floor(this.#bytesPerMs * MAX_PAUSE_MS));
    for await (const chunk of bytes) {
      for (let at = 0; at < chunk.length; at += size) {
        const piece = chunk.subarray(at, at + size);
        await this.#admit(piece.length, signal);
        yield piece;
      }
    }
  }

  async #admit(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const now = this.#clock.monotonic();
    this.#paid = Math.max(this.#paid, now - MAX_PAUSE_MS) + bytes / this.#bytesPerMs;
    const wait = this.#paid - now;
    if (wait > 0) await this.#clock.sleep(wait, signal);
  }
}
