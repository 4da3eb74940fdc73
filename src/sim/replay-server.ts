import { setMaxListeners } from 'node:events';
import { opcodeName, type FtpPayload } from '../mavlink/ftp-payload.js';
import type { Clock, Logger } from '../ports.js';
import type { Requester } from './exchange.js';
import type { Recording } from './recording.js';
import { Traffic } from './traffic.js';

/** Answers as the vehicle of a recording did, after the same time. What the recording does not hold stays unanswered, and is logged. */
export class ReplayServer {
  readonly traffic = new Traffic();
  readonly #recording: Recording;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #closing = new AbortController();

  constructor(recording: Recording, clock: Clock, logger: Logger) {
    this.#recording = recording;
    this.#clock = clock;
    this.#logger = logger;
    // One for each reply that waits.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Never throws. */
  receive(request: FtpPayload, from: Requester): void {
    this.traffic.requests++;
    const replies = this.#recording.repliesTo(request);
    if (!replies) return this.#warn(request);
    for (const { payload, delay } of replies) void this.#send(payload, delay, from);
  }

  /** Recorded sessions end as they did in the recording. */
  async expire(): Promise<void> {}

  async close(): Promise<void> {
    this.#closing.abort();
  }

  async #send(payload: FtpPayload, delay: number, from: Requester): Promise<void> {
    const { signal } = this.#closing;
    if (delay > 0) await this.#clock.sleep(delay, signal).catch(() => undefined);
    if (!signal.aborted) from.send(payload);
  }

  #warn({ opcode, session, offset, size }: FtpPayload): void {
    const asked = `${opcodeName(opcode)} (session ${session}, offset ${offset}, ${size} bytes)`;
    this.#logger.log('warn', `the trace holds no ${asked}: it stays unanswered`);
  }
}
