import type { Logger } from '../ports.js';
import { logDebug } from '../system/logger.js';
import type { Entry } from './queue.js';
import type { Wait } from '../record/wait.js';

/** The gates that hold steps back, since when and why. Each change is logged at level debug. */
export class ClosedGates {
  readonly #closed = new Map<string, { readonly since: number; readonly reason: string }>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The gate of the entry is closed at `now`, monotonic ms. Returns since when. */
  close(entry: Entry, { reason }: Wait, now: number): number {
    const gate = gateOfEntry(entry);
    const before = this.#closed.get(gate);
    const since = before?.since ?? now;
    if (before?.reason === reason) return since;
    this.#closed.set(gate, { since, reason });
    logDebug(this.#logger, () => `gate ${gate}: closed: ${reason}`);
    return since;
  }

  open(entry: Entry): void {
    if (this.#closed.size === 0) return;
    const gate = gateOfEntry(entry);
    if (this.#closed.delete(gate)) logDebug(this.#logger, () => `gate ${gate}: open`);
  }
}

/** Steps between the same ends, for files of the same source and under the same `while_armed`, wait at the same gate. */
const gateOfEntry = ({ step: { source = 'local', target = 'local' }, owner, mode }: Entry): string =>
  `${source} -> ${target} (files of ${owner}, while_armed: ${mode})`;
