import { defer, type Observable } from 'rxjs';
import type { Availability, Clock } from '../../ports.js';
import { formatDuration } from '../../system/duration.js';
import { Pause } from './pause.js';

/**
 * The first contact with a target comes at a random moment within `ms`, at the start of the program and each time its limits
 * allow it again: otherwise all vehicles that are switched on together, or have the same `hours`, would begin together.
 */
export class Spread {
  readonly #ms: number;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #pause: Pause;

  /** @param random uniform in [0, 1) */
  constructor(ms: number, clock: Clock, random: () => number) {
    this.#ms = ms;
    this.#clock = clock;
    this.#random = random;
    this.#pause = new Pause(clock);
  }

  /** Each subscription is a start. */
  guard(availability: Observable<Availability>): Observable<Availability> {
    return defer(() => {
      this.#begin();
      return this.#pause.guard(availability);
    });
  }

  /** A person waits: it begins at once. */
  hurry(): void {
    this.#pause.open();
  }

  #begin(): void {
    const reason = `vehicles begin at random moments, this one within ${formatDuration(this.#ms)} (\`spread\`)`;
    const until = this.#clock.monotonic() + this.#random() * this.#ms;
    this.#pause.close({ code: 'spread', reason, until });
  }
}
