import type { Clock, FileRecord, Logger, Moment } from '../ports.js';
import { ageOf } from '../system/moment.js';
import type { Records } from './records.js';
import { isUnfinished } from './state.js';

/** A larger change of the difference between wall clock and monotonic clock means that the wall clock was set. */
const CLOCK_JUMP_MS = 5_000;

/** Corrects the times that this run of the program has written by a wrong wall clock. */
export class Times {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Wall clock less monotonic clock, ms. */
  #offset: number;
  #synchronised = false;
  /** When this run began, by the wall clock as it is now, ms since the Unix epoch. */
  #since: number;

  constructor(records: Records, clock: Clock, logger: Logger) {
    this.#records = records;
    this.#clock = clock;
    this.#logger = logger;
    this.#since = clock.now();
    this.#offset = this.#since - clock.monotonic();
  }

  /** To be called at the start and from time to time. */
  check(): void {
    const { synchronised } = this.#clock;
    const offset = this.#clock.now() - this.#clock.monotonic();
    const delta = offset - this.#offset;
    const jumped = Math.abs(delta) > CLOCK_JUMP_MS;
    if (!jumped && synchronised === this.#synchronised) return;
    if (jumped) this.#logger.log('info', `the wall clock was set by ${Math.round(delta / 1000)} s`);
    if (jumped) this.#offset = offset;
    this.#synchronised = synchronised;
    this.#move(jumped ? delta : 0);
  }

  #move(delta: number): void {
    const since = this.#since;
    this.#since += delta;
    for (const { id, updatedAt, delivered } of [...this.#records.all()])
      if ((delta !== 0 && updatedAt >= since) || delivered?.synced === false)
        this.#records.apply(id, { type: 'ClockSet', delta, since });
  }
}

/** The file has been gone from its source for at least `ms`, and was delivered or not fetched before. */
export function isOver(record: FileRecord, now: Moment, ms: number): boolean {
  const { source, delivered, updatedAt } = record;
  if (source.state === 'present' || isUnfinished(record)) return false;
  return (delivered ? ageOf(delivered, now) : now.synced ? now.at - updatedAt : 0) >= ms;
}
