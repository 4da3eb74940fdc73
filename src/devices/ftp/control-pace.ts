import type { FTPContext, FTPResponse } from 'basic-ftp';
import type { Clock } from '../../ports.js';
import { MIN_BYTES_PER_LIMIT, untilTooSlow } from '../pace.js';
import { movedBytes, timeoutError } from '../send-queue.js';

type Handler = Parameters<FTPContext['handle']>[1];

/**
 * Closes a connection whose server gets on too slowly: basic-ftp's own timeout begins again with each byte of a reply, also with
 * those of a reply that never ends.
 */
export class ControlPace {
  readonly #ftp: FTPContext;
  readonly #ended = new AbortController();
  #clock: Clock | undefined;
  #tasks = 0;
  #watching = false;
  /** Grows with each reply, and while no task runs. */
  #progress = 0;

  constructor(ftp: FTPContext) {
    this.#ftp = ftp;
  }

  start(clock: Clock): void {
    this.#clock = clock;
  }

  end(): void {
    this.#ended.abort();
  }

  /** Runs a task, whose replies count as progress. */
  async during<Value>(answered: Handler, run: (counted: Handler) => Promise<Value>): Promise<Value> {
    this.#tasks++;
    this.#progress += MIN_BYTES_PER_LIMIT;
    if (this.#clock && !this.#watching) this.#watch(this.#clock).catch(ignore);
    let isPreliminary = false;
    try {
      return await run((reply, task) => {
        // A server may send any number of preliminary replies.
        const wasPreliminary = isPreliminary;
        isPreliminary = isPreliminaryReply(reply);
        if (!(isPreliminary && wasPreliminary)) this.#progress += MIN_BYTES_PER_LIMIT;
        answered(reply, task);
      });
    } finally {
      this.#tasks--;
    }
  }

  async #watch(clock: Clock): Promise<void> {
    this.#watching = true;
    try {
      await untilTooSlow(() => this.#moved(), this.#ftp.timeout, clock, this.#ended.signal);
      if (this.#tasks > 0) this.#ftp.closeWithError(timeoutError());
    } finally {
      this.#watching = false;
    }
  }

  async #moved(): Promise<number> {
    const { dataSocket } = this.#ftp;
    return this.#progress + (dataSocket ? await movedBytes(dataSocket) : 0);
  }
}

const isPreliminaryReply = (reply: Error | FTPResponse): boolean =>
  !(reply instanceof Error) && reply.code < 200;

/** Of a watch that has ended. */
function ignore(): void {}
