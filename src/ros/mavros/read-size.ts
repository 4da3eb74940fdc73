/** Data bytes of one MAVLink packet. */
const PACKET_BYTES = 239;
/** Packets that a call asks for: at the start (a reply to a single one comes too fast for MAVROS), and at most. */
const FIRST_PACKETS = 18;
const MAX_PACKETS = 200;
/** As many as MAVROS waits 5 s for if one is lost. */
const CAUTIOUS_PACKETS = 24;
/** Calls in a row without a loss that prove a link fit for more. */
const MIN_READS = 100;
/** A call that takes longer would keep an armed vehicle busy; one that is faster may be larger. */
const SLOW_CALL_MS = 500;
const FAST_CALL_MS = 250;

/**
 * How much to ask for in one `read`. MAVROS fails the whole call when one packet is lost, and blocks all others that
 * long, so large calls are for links without loss. Doubles after each success; beyond 24 packets, or where it failed
 * last, only after a hundred calls without a loss. Halves after a loss.
 */
export class ReadSize {
  #packets = FIRST_PACKETS;
  #threshold = CAUTIOUS_PACKETS;
  #streak = 0;

  /** Bytes; never a multiple of 239, which would cost a round trip more. */
  get bytes(): number {
    return this.#packets * PACKET_BYTES - 1;
  }

  /** Bytes to ask for when `left` bytes are missing. */
  of(left: number): number {
    const wanted = Math.min(left, this.bytes);
    return wanted % PACKET_BYTES === 0 ? wanted - 1 : wanted;
  }

  /** A call for `asked` bytes was answered in full, in `ms`. */
  succeeded(asked: number, ms: number): void {
    this.#streak += 1;
    if (asked < this.bytes) return;
    if (ms > SLOW_CALL_MS) this.#packets = Math.max(1, this.#packets >> 1);
    else if (ms < FAST_CALL_MS) this.#packets = this.#grown();
  }

  failed(): void {
    this.#streak = 0;
    this.#packets = Math.max(1, this.#packets >> 1);
    this.#threshold = Math.min(this.#threshold, this.#packets);
  }

  #grown(): number {
    if (this.#packets < this.#threshold) return Math.min(this.#threshold, this.#packets * 2);
    if (this.#streak < MIN_READS) return this.#packets;
    this.#streak = 0;
    return Math.min(MAX_PACKETS, this.#packets * 2);
  }
}

/** ms after which MAVROS gives up a read of that many bytes. */
export function readTimeoutMs(bytes: number): number {
  return 200 * (Math.floor(bytes / PACKET_BYTES) + 1);
}
