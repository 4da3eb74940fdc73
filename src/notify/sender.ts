import { toFileSyncError, type FileSyncError } from '../errors.js';
import type { Clock, Logger } from '../ports.js';
import { Failures, type RetryPolicy } from '../system/back-off.js';
import type { Message } from './message.js';
import type { Transport } from './transport.js';

/** A message is given up that long after it was made. */
export const MAX_AGE_MS = 3_600_000;
/** Messages that wait for one receiver; beyond that the oldest one is dropped. */
export const MAX_WAITING = 5;

const POLICY: RetryPolicy = {
  ...{ baseMs: 1_000, ceilingMs: 300_000, maxTries: Infinity, maxWaitMs: MAX_AGE_MS },
};

export interface SenderParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1), for jitter. */
  readonly random: () => number;
  /** A message has arrived, or was given up; in the order in which they were made. */
  readonly settled: (message: Message) => void;
  /** Messages do not arrive, for that reason, or do again. */
  readonly failing: (error: FileSyncError | undefined) => void;
}

/** Sends the messages of one entry, in order, each again until it arrives or is too old. */
export class Sender {
  readonly #parts: SenderParts;
  readonly #waiting: Message[] = [];
  readonly #stopping = new AbortController();
  #working: Promise<void> | undefined;
  #dropped = 0;
  #isFailing = false;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /** Nothing waits. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** How many messages were given up since the last call: the next message says so. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  add(message: Message): void {
    this.#waiting.push(message);
    if (this.#waiting.length > MAX_WAITING) this.#dropSecond();
    this.#working ??= this.#work().finally(() => (this.#working = undefined));
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#working;
  }

  /** What waits is not sent any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let [message] = this.#waiting; message; [message] = this.#waiting) {
      const arrived = await this.#deliver(message);
      if (this.#stopping.signal.aborted) return;
      if (arrived) this.#settle(message);
      else this.#giveUp(message);
    }
  }

  /** Whether it arrived; false as well when the program ends. */
  async #deliver(message: Message): Promise<boolean> {
    const { clock, random, logger, transport } = this.#parts;
    const failures = new Failures(POLICY, random, 0);
    for (;;) {
      const error = await this.#attempt(message);
      if (!error) return true;
      if (this.#stopping.signal.aborted) return false;
      const isLast = !failures.add(error, clock.monotonic()) || failures.until - message.madeAt > MAX_AGE_MS;
      this.#failed(error, isLast);
      if (isLast) return false;
      const ms = failures.until - clock.monotonic();
      logger.log('debug', `${transport.to}: next attempt in ${Math.round(ms / 1000)} s`);
      await clock.sleep(ms, this.#stopping.signal).catch(() => undefined);
      if (this.#stopping.signal.aborted) return false;
    }
  }

  async #attempt(message: Message): Promise<FileSyncError | undefined> {
    const { transport, logger } = this.#parts;
    try {
      const answer = await transport.send(message, this.#stopping.signal);
      logger.log('debug', `${transport.to}: sent ${message.values.id} (${message.values.event}): ${answer}`);
      return undefined;
    } catch (thrown) {
      return toFileSyncError(thrown);
    }
  }

  #failed(error: FileSyncError, isLast: boolean): void {
    const { logger, transport, failing } = this.#parts;
    const next = isLast ? 'this message is given up' : 'retried for an hour';
    const level = isLast ? 'error' : this.#isFailing ? 'debug' : 'warn';
    logger.log(level, `${transport.to}: a message was not delivered: ${error.message} (${next})`);
    this.#isFailing = true;
    failing(error);
  }

  #settle(message: Message): void {
    const { logger, transport, failing, settled } = this.#parts;
    this.#waiting.splice(this.#waiting.indexOf(message), 1);
    if (this.#isFailing) logger.log('info', `${transport.to}: messages are delivered again`);
    this.#isFailing = false;
    failing(undefined);
    settled(message);
  }

  #giveUp(message: Message): void {
    this.#waiting.splice(this.#waiting.indexOf(message), 1);
    this.#dropped += 1;
    this.#parts.settled(message);
  }

  /** The first message may be on its way, so that the second one is the oldest that can be dropped. */
  #dropSecond(): void {
    this.#waiting.splice(1, 1);
    this.#dropped += 1;
    const { logger, transport } = this.#parts;
    logger.log('warn', `${transport.to}: more than ${MAX_WAITING} messages wait: an older one is dropped`);
  }
}
