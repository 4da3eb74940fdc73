import { FileSyncError } from '../../src/errors.js';
import type { Clock } from '../../src/ports.js';

interface Sleeper {
  /** In monotonic time, ms. */
  readonly due: number;
  wake(): void;
}

/** A clock whose time only the test moves. */
export class VirtualClock implements Clock {
  /** Set by the test. */
  synchronised = true;
  #wall: number;
  #monotonic = 0;
  /** In monotonic time of the first boot, ms. */
  #bootedAt = 0;
  #boots = 1;
  #sleepers: Sleeper[] = [];

  constructor(wall = Date.UTC(2026, 0, 1)) {
    this.#wall = wall;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic - this.#bootedAt;
  }

  get boot(): string {
    return this.#boots.toString(16).padStart(8, '0');
  }

  /** Another boot begins: its monotonic time starts at 0, and the wall clock goes on unless `wall` sets it. */
  reboot(wall = this.#wall): void {
    this.#boots++;
    this.#bootedAt = this.#monotonic;
    this.#wall = wall;
  }

  /** How many sleeps are under way. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** ms until the first sleeper wakes; undefined if there is none. */
  get nextWake(): number | undefined {
    const dues = this.#sleepers.map(sleeper => sleeper.due - this.#monotonic);
    return dues.length > 0 ? Math.min(...dues) : undefined;
  }

  /** Sets the wall clock alone, as a time server or a person would. */
  setWall(ms: number): void {
    this.#wall = ms;
  }

  /** The process that sleeps is killed: no sleeper wakes any more. */
  forgetSleepers(): void {
    this.#sleepers = [];
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = () => {
        this.#sleepers = this.#sleepers.filter(other => other !== sleeper);
        reject(new FileSyncError('cancelled', 'cancelled', { operation: 'sleep', cause: signal?.reason }));
      };
      const sleeper: Sleeper = {
        due: this.#monotonic + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener('abort', cancel);
          resolve();
        },
      };
      if (signal?.aborted) return cancel();
      signal?.addEventListener('abort', cancel, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** Moves time on, waking sleepers in order of their time; what they start is given a turn before the next wakes. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await turn();
    for (let next = this.#takeDue(end); next; next = this.#takeDue(end)) {
      this.#move(next.due);
      next.wake();
      await turn();
    }
    this.#move(end);
  }

  #move(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }

  #takeDue(end: number): Sleeper | undefined {
    const due = this.#sleepers.filter(sleeper => sleeper.due <= end);
    const first = due.sort((a, b) => a.due - b.due)[0];
    this.#sleepers = this.#sleepers.filter(sleeper => sleeper !== first);
    return first;
  }
}

/** Lets everything that is ready run. */
const turn = () => new Promise<void>(resolve => setImmediate(resolve));
