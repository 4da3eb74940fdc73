import type { Logger } from '../ports.js';
import { logDebug } from '../system/logger.js';
import type { Wait } from './wait.js';

/** The gates that hold steps back, by name, since when and why. Each change is logged at level debug. */
export class ClosedGates {
  readonly #closed = new Map<string, { readonly since: number; readonly reason: string }>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The gate is closed at `now`, monotonic ms. Returns since when. */
  close(gate: string, { reason }: Wait, now: number): number {
    const before = this.#closed.get(gate);
    const since = before?.since ?? now;
    if (before?.reason === reason) return since;
    this.#closed.set(gate, { since, reason });
    logDebug(this.#logger, () => `gate ${gate}: closed: ${reason}`);
    return since;
  }

  open(gate: string): void {
    if (this.#closed.delete(gate)) logDebug(this.#logger, () => `gate ${gate}: open`);
  }

  get any(): boolean {
    return this.#closed.size > 0;
  }
}
