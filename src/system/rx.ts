import {
  concat,
  exhaustMap,
  ignoreElements,
  map,
  Observable,
  of,
  race,
  share,
  startWith,
  switchMap,
  take,
  tap,
} from 'rxjs';
import type { Clock } from '../ports.js';
import { abortOf } from './deadline.js';

/** Emits once after `ms` on the injected clock and completes (never, for Infinity). */
export function after(clock: Clock, ms: number): Observable<void> {
  return new Observable(subscriber => {
    if (ms === Infinity) return;
    const cancel = new AbortController();
    clock
      .sleep(ms, cancel.signal)
      .then(() => subscriber.next())
      .catch(() => undefined)
      .finally(() => subscriber.complete());
    return () => cancel.abort();
  });
}

/** Emits once, when the other completes. */
export const endOf = (other: Observable<unknown>): Observable<void> =>
  concat(other.pipe(ignoreElements()), of(undefined));

/** Errors as `abortOf` says when the signal aborts; never emits. */
export function aborted(signal: AbortSignal): Observable<never> {
  return new Observable(subscriber => {
    const fail = () => subscriber.error(abortOf(signal));
    if (signal.aborted) return fail();
    signal.addEventListener('abort', fail, { once: true });
    return () => signal.removeEventListener('abort', fail);
  });
}

/** Time without another hint after which the writer has probably finished. */
const QUIET_MS = 200;
/** Longest time from the first hint to the scan. */
const MAX_DELAY_MS = 5_000;
/** Time between two scans that hints asked for. */
export const HINT_REST_MS = 1_000;

/** Emits once for many hints: QUIET_MS after the last, at most MAX_DELAY_MS after the first, at least HINT_REST_MS apart. */
export function soonAfter(hints: Observable<void>, clock: Clock): Observable<void> {
  const shared = hints.pipe(share());
  let rested = -Infinity;
  const quiet = () =>
    shared.pipe(
      startWith(undefined),
      switchMap(() => after(clock, Math.max(QUIET_MS, rested - clock.monotonic()))),
    );
  return shared.pipe(
    exhaustMap(() => race(quiet(), after(clock, MAX_DELAY_MS)).pipe(take(1))),
    tap(() => (rested = clock.monotonic() + HINT_REST_MS)),
    map(() => undefined),
  );
}
