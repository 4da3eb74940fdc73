import { systemClock } from '../../src/system/clock.js';
import type { Clock } from '../../src/ports.js';

/** The machine's clock, on which time passes that many times faster. */
export class FastClock implements Clock {
  readonly synchronised = true;
  readonly boot = systemClock.boot;
  readonly #factor: number;
  /** Where each sleep that is under way began. */
  readonly #sleeps = new Set<Error>();
  readonly #start = { wall: Date.now(), monotonic: systemClock.monotonic() };

  constructor(factor: number) {
    this.#factor = factor;
  }

  now(): number {
    return this.#start.wall + (this.monotonic() - this.#start.monotonic);
  }

  monotonic(): number {
    const { monotonic } = this.#start;
    return monotonic + (systemClock.monotonic() - monotonic) * this.#factor;
  }

  /** How many sleeps are under way, by the places in the program that began them: every timer of the program is one. */
  get sleeping(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { stack = '' } of this.#sleeps) {
      const place = placeIn(stack);
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
    return counts;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const begun = new Error();
    this.#sleeps.add(begun);
    try {
      await systemClock.sleep(ms / this.#factor, signal);
    } finally {
      this.#sleeps.delete(begun);
    }
  }
}

/** Rooms that wait for others; RxJS is among them. */
const FOR_OTHERS = /^(?:system|congestion|internal)/;

/** The file of the program that began it, and that from which it was called, as far as the stack goes back. */
function placeIn(stack: string): string {
  const all = [...stack.matchAll(/\/src\/([\w/-]+)\.[jt]s/g)].map(([, file = '']) => file);
  const [place = all[0] ?? 'unknown', caller = ''] = new Set(all.filter(file => !FOR_OTHERS.test(file)));
  return caller === '' ? place : `${place} < ${caller}`;
}
