import type { Observable } from 'rxjs';
import { FileSyncError } from '../../errors.js';
import type { Availability, Clock } from '../../ports.js';
import { Failures, type RetryPolicy } from '../../system/back-off.js';
import { Pause } from './pause.js';

/** Members whose success shows that the device takes files again; it may answer questions even while it is overloaded. */
const WORK: ReadonlySet<PropertyKey> = new Set(['write', 'read', 'list', 'listChanges', 'remove']);

/**
 * The pause that a device asks for (HTTP 429 and 503, FTP 421, SlowDown; for how long: Retry-After) holds for all work with it, not
 * only for the file whose attempt has met it. Without Retry-After it grows, until the device has done some work again.
 */
export class SlowDown {
  readonly #policy: RetryPolicy;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #pause: Pause;
  #failures: Failures | undefined;

  /** @param random uniform in [0, 1), for jitter */
  constructor(policy: RetryPolicy, clock: Clock, random: () => number) {
    this.#policy = policy;
    this.#clock = clock;
    this.#random = random;
    this.#pause = new Pause(clock);
  }

  guard(availability: Observable<Availability>): Observable<Availability> {
    return this.#pause.guard(availability);
  }

  /** A person waits: the next attempt may begin at once. */
  hurry(): void {
    this.#pause.open();
  }

  /** The end, whose answers are watched. */
  watch<End extends object>(end: End): End {
    return new Proxy(end, {
      get: (target, key) => {
        const value = Reflect.get(target, key, target) as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => this.#watched(Reflect.apply(value, target, args), WORK.has(key));
      },
    });
  }

  #watched(result: unknown, isWork: boolean): unknown {
    if (result instanceof Promise) return this.#answerOf(result, isWork);
    return isStream(result) ? this.#itemsOf(result) : result;
  }

  async #answerOf(answer: Promise<unknown>, isWork: boolean): Promise<unknown> {
    try {
      const value = await answer;
      if (isWork) this.#succeeded();
      return value;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  async *#itemsOf(items: AsyncIterable<unknown>): AsyncGenerator<unknown, void> {
    try {
      yield* items;
      this.#succeeded();
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** What had begun before the pause says nothing of it. */
  #succeeded(): void {
    if (this.#pause.until === -Infinity) this.#failures = undefined;
  }

  #failed(error: unknown): void {
    if (!(error instanceof FileSyncError) || !error.temporary || error.retryAfterMs === undefined) return;
    // Attempts that ran side by side are refused together: that is one refusal.
    const isFirst = this.#pause.until === -Infinity;
    const failures = isFirst ? (this.#failures ??= this.#newFailures()) : this.#newFailures();
    const goesOn = failures.add(error, this.#clock.monotonic());
    const until = goesOn ? failures.until : Infinity;
    if (until > this.#pause.until) this.#pause.close({ code: 'slow_down', reason: error.message, until });
  }

  #newFailures(): Failures {
    return new Failures(this.#policy, this.#random, 0);
  }
}

const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
