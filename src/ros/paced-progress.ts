import type { Progress } from '../record/progress.js';
import type { Clock } from '../ports.js';
import { transferView } from '../api/views.js';
import type { ProgressMessage } from './interfaces.js';
import { toProgress } from './messages.js';

/** ms between two messages, whatever transfer they are about: 5 Hz. */
const INTERVAL_MS = 200;
/** Transfers that wait for their message at most; of more, the oldest are dropped. */
const MAX_WAITING = 16;
/** Transfers whose speed is known at most. */
const MAX_REMEMBERED = 64;

interface Reported {
  readonly bytes: number;
  /** Monotonic, ms. */
  readonly at: number;
}

/** Reports the progress of transfers in turn, the newest of each, at a steady rate. */
export class PacedProgress {
  readonly #clock: Clock;
  readonly #publish: (message: ProgressMessage) => void;
  readonly #waiting = new Map<string, Progress>();
  readonly #reported = new Map<string, Reported>();
  readonly #closed = new AbortController();
  #publishing = false;

  constructor(clock: Clock, publish: (message: ProgressMessage) => void) {
    this.#clock = clock;
    this.#publish = publish;
  }

  add(progress: Progress): void {
    this.#waiting.set(`${progress.id} ${progress.target ?? ''}`, progress);
    forgetOldest(this.#waiting, MAX_WAITING);
    if (!this.#publishing) void this.#publishWaiting().catch(() => this.#waiting.clear());
  }

  close(): void {
    this.#closed.abort();
  }

  /** Rejects when closed. */
  async #publishWaiting(): Promise<void> {
    this.#publishing = true;
    for (let next = this.#next(); next; next = this.#next()) {
      this.#publish(this.#message(...next));
      await this.#clock.sleep(INTERVAL_MS, this.#closed.signal);
    }
    this.#publishing = false;
  }

  #next(): [string, Progress] | undefined {
    const [next] = this.#waiting;
    if (next) this.#waiting.delete(next[0]);
    return next;
  }

  #message(key: string, progress: Progress): ProgressMessage {
    const transfer = { ...progress, bytesPerSecond: this.#speed(key, progress.bytes) };
    return toProgress(transferView(transfer), this.#clock.now());
  }

  /** Zero in the first message, and where a transfer began again. */
  #speed(key: string, bytes: number): number {
    const now = { bytes, at: this.#clock.monotonic() };
    const last = this.#reported.get(key) ?? now;
    this.#reported.delete(key);
    this.#reported.set(key, now);
    forgetOldest(this.#reported, MAX_REMEMBERED);
    return now.at > last.at ? Math.max(0, ((bytes - last.bytes) * 1000) / (now.at - last.at)) : 0;
  }
}

function forgetOldest(map: Map<string, unknown>, most: number): void {
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
