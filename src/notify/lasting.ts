import type { Moment } from '../ports.js';
import { ageOf } from '../system/moment.js';

/** Since when a condition holds, and whether that was told; undefined while it does not hold. */
export interface LastingState {
  readonly since: Moment;
  readonly told: boolean;
}

/** A condition that is told of once, when it has lasted for a while. */
export class Lasting {
  readonly #after: number;
  #state: LastingState | undefined;

  /** @param after ms */
  constructor(after: number, state: LastingState | undefined) {
    this.#after = after;
    this.#state = state;
  }

  get state(): LastingState | undefined {
    return this.#state;
  }

  /** The condition holds now, or not. */
  update(holds: boolean, now: Moment): void {
    this.#state = holds ? (this.#state ?? { since: now, told: false }) : undefined;
  }

  /** @param hold ms that are waited for in any case */
  isDue(now: Moment, hold: number): boolean {
    if (!this.#state || this.#state.told) return false;
    return ageOf(this.#state.since, now) >= Math.max(this.#after, hold);
  }

  /** Whether it is to be told now; it counts as told then. */
  take(now: Moment): boolean {
    if (!this.#state || !this.isDue(now, 0)) return false;
    this.#state = { ...this.#state, told: true };
    return true;
  }
}
