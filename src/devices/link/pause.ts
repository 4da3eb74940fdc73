import { BehaviorSubject, concat, ignoreElements, of, switchMap, tap, type Observable } from 'rxjs';
import type { Availability, Clock } from '../../ports.js';
import { after } from '../../system/rx.js';
import { stateOf, type Closed } from './closed.js';

/** A gate of a device that closes for a time. What runs goes on. */
export class Pause {
  readonly #closed = new BehaviorSubject<Closed | undefined>(undefined);
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Monotonic ms until which it is closed; -Infinity if it is open. */
  get until(): number {
    const { value } = this.#closed;
    return value ? (value.until ?? Infinity) : -Infinity;
  }

  close(closed: Closed): void {
    this.#closed.next(closed);
  }

  open(): void {
    if (this.#closed.value) this.#closed.next(undefined);
  }

  /** The availability of an end. While the gate is closed the device is not even probed. */
  guard(availability: Observable<Availability>): Observable<Availability> {
    return this.#closed.pipe(switchMap(closed => (closed ? this.#wait(closed) : availability)));
  }

  #wait(closed: Closed): Observable<Availability> {
    const pause = after(this.#clock, (closed.until ?? Infinity) - this.#clock.monotonic());
    const opening = pause.pipe(
      tap(() => this.open()),
      ignoreElements(),
    );
    return concat(of(stateOf(closed)), opening);
  }
}
