/**
 * How frames may be sent with one call: `stream`, as bytes that the other end reads one after the other; `datagram`, of
 * which some receivers read only the first frame. MavESP8266 does; PX4, ArduPilot, mavlink-router, MAVProxy and
 * libmavconn read all (from their sources; PX4 seen).
 */
export type Together = 'stream' | 'datagram';

/**
 * Bytes sent with one call. Every receiver has space for the largest frame (280 bytes, mavlink.io, "Packet
 * Serialization"), not every one for more: libmavconn reads 296 bytes of a datagram, PX4 on boards with a network 1,000.
 */
const MAX_BYTES: Readonly<Record<Together, number>> = { stream: 1_000, datagram: 280 };
/** Answers to later requests after which the second request of a trial counts as not read, or as lost. */
const TRIAL_ANSWERS = 8;
/** Trials in a row whose first request alone is answered, until the receiver counts as one that reads no more. */
const MAX_FAILED_TRIALS = 8;

/** Two requests in one datagram, by number: does the answer to the second come? */
interface Trial {
  readonly first: number;
  readonly second: number;
  firstAnswered: boolean;
  othersAnswered: number;
}

/** Numbers of 16 bits, which begin again after the last (RFC 1982). */
const isBefore = (number: number, other: number): boolean => ((number - other) & 0xffff) >= 0x8000;

export interface OutboxOptions {
  readonly send: (bytes: Uint8Array) => void;
  /** Absent: each frame is sent alone. */
  readonly together: () => Together | undefined;
}

/**
 * Sends frames that are due at the same moment with as few calls as the receiver allows: a call costs as much as all else
 * that is done for a request. Whether it reads more than the first frame of a datagram is found out with two requests
 * at a time.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #held: Uint8Array[] | undefined;
  #numbers: number[] = [];
  #trial: Trial | undefined;
  #failedTrials = 0;
  /** The receiver reads all frames of a datagram. */
  #readsAll = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** What is put in while `work` runs leaves at its end, in that order. */
  hold(work: () => void): void {
    if (this.#held || !this.#options.together()) return work();
    this.#held = [];
    this.#numbers = [];
    try {
      work();
    } finally {
      this.#flush(this.#held);
    }
  }

  /** Sends a frame. `number` is that of a request, 0 to 65535. */
  put(frame: Uint8Array, number = -1): void {
    if (!this.#held) return this.#options.send(frame);
    this.#held.push(frame);
    this.#numbers.push(number);
  }

  /** The request with the number was answered. */
  answered(number: number): void {
    const trial = this.#trial;
    if (!trial || isBefore(number, trial.first)) return;
    if (number === trial.second) this.#readsAll = true;
    if (number === trial.first) trial.firstAnswered = true;
    else if (number !== trial.second && ++trial.othersAnswered < TRIAL_ANSWERS) return;
    else this.#end(trial);
  }

  /** The receiver may be another one. */
  forget(): void {
    this.#trial = undefined;
    this.#failedTrials = 0;
    this.#readsAll = false;
  }

  /** A trial without any answer was lost as a whole, and proves nothing. */
  #end({ firstAnswered }: Trial): void {
    this.#trial = undefined;
    if (!this.#readsAll && firstAnswered) this.#failedTrials++;
  }

  #flush(frames: readonly Uint8Array[]): void {
    this.#held = undefined;
    const together = this.#options.together();
    const isCertain = together === 'stream' || this.#readsAll;
    const limit = together && isCertain ? MAX_BYTES[together] : 0;
    let sent = isCertain ? 0 : this.#try(frames);
    while (sent < frames.length) sent += this.#sendFrom(frames, sent, limit);
  }

  /** Begins a trial with the first two frames, unless one is under way. Returns how many frames were sent. */
  #try(frames: readonly Uint8Array[]): number {
    const [first = -1, second = -1] = this.#numbers;
    if (this.#trial || this.#failedTrials >= MAX_FAILED_TRIALS || second < 0) return 0;
    this.#trial = { first, second, firstAnswered: false, othersAnswered: 0 };
    return this.#sendFrom(frames.slice(0, 2), 0, MAX_BYTES.datagram);
  }

  /** Sends the frame at `start`, and those after it that fit into `limit` bytes with it. Returns how many. */
  #sendFrom(frames: readonly Uint8Array[], start: number, limit: number): number {
    let end = start;
    for (let size = 0; end < frames.length; end++) {
      size += frames[end]?.length ?? 0;
      if (end > start && size > limit) break;
    }
    const [first, ...more] = frames.slice(start, end);
    if (first) this.#options.send(more.length > 0 ? Buffer.concat([first, ...more]) : first);
    return end - start;
  }
}
