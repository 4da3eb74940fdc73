import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../ports.js';

/** Between two checks of whether who reads a stream still may: a session ends by itself. */
const CHECK_INTERVAL_MS = 60_000;

/** Answers without an end. Each is cut off when its client may not read it any more. */
export class Streams {
  readonly #clock: Pick<Clock, 'sleep'>;
  readonly #may: (request: IncomingMessage) => boolean;
  readonly #open = new Map<ServerResponse, IncomingMessage>();

  constructor(clock: Pick<Clock, 'sleep'>, may: (request: IncomingMessage) => boolean) {
    this.#clock = clock;
    this.#may = may;
  }

  add(request: IncomingMessage, response: ServerResponse): void {
    const closed = new AbortController();
    this.#open.set(response, request);
    response.once('close', () => {
      this.#open.delete(response);
      closed.abort();
    });
    void this.#checkUntil(closed.signal);
  }

  /** Sessions, passwords or tokens have changed. */
  check(): void {
    for (const [response, request] of [...this.#open]) if (!this.#may(request)) response.destroy();
  }

  async #checkUntil(closed: AbortSignal): Promise<void> {
    while (!closed.aborted) {
      await this.#clock.sleep(CHECK_INTERVAL_MS, closed).catch(() => undefined);
      this.check();
    }
  }
}
