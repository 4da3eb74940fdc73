import type { Observable, Subscription } from 'rxjs';
import type { Clock } from '../../ports.js';
import type { Progress } from '../../record/progress.js';
import { endOf, type End } from './end.js';

/** ms over which the rate is the mean. */
const WINDOW_MS = 10_000;
/** The rate of a shorter time is not reported. */
const MIN_MEASURED_MS = 2_000;
/** A transfer whose first report has more bytes than this has been resumed: the bytes before were moved by an earlier one. */
const MAX_FIRST_BYTES = 1024 * 1024;

interface Sample {
  /** Monotonic ms. */
  readonly at: number;
  /** Bytes that were moved until then, at each end. */
  readonly moved: ReadonlyMap<End, number>;
}

/** The rates of all transfers, by the end where they take place. */
export class Throughput {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #watching: Subscription;
  /** Bytes of each transfer at its last report. */
  readonly #reported = new Map<string, number>();
  readonly #moved = new Map<End, number>();
  #samples: readonly Sample[] = [];

  constructor(progress: Observable<Progress>, clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#watching = progress.subscribe(report => this.#add(report));
  }

  /** Bytes per second of the last seconds, without ends where nothing was moved. To be called some times in each of them. */
  measure(): ReadonlyMap<End, number> {
    const now: Sample = { at: this.#clock.monotonic(), moved: new Map(this.#moved) };
    const isRecent = ({ at }: Sample) => now.at - at <= WINDOW_MS;
    this.#samples = [...this.#samples.filter(isRecent), now];
    const first = this.#samples[0] ?? now;
    const ms = now.at - first.at;
    const moved = [...now.moved].map(([end, bytes]) => [end, bytes - (first.moved.get(end) ?? 0)] as const);
    const active = moved.filter(([, bytes]) => bytes > 0);
    if (active.length === 0) this.#samples = [now];
    return new Map(ms < MIN_MEASURED_MS ? [] : active.map(([end, bytes]) => [end, (bytes * 1000) / ms]));
  }

  stop(): void {
    this.#watching.unsubscribe();
  }

  #add(report: Progress): void {
    const { id, target, bytes, size } = report;
    const key = `${id} ${target ?? ''}`;
    const before = this.#reported.get(key) ?? (bytes > MAX_FIRST_BYTES ? bytes : 0);
    const end = endOf(report);
    this.#moved.set(end, (this.#moved.get(end) ?? 0) + Math.max(0, bytes - before));
    if (bytes < size) this.#reported.set(key, bytes);
    else this.#reported.delete(key);
  }
}
