import { exhaustMap, map, race, share, startWith, switchMap, take, tap, type Observable } from 'rxjs';
import type { Clock } from '../ports.js';
import { after } from './rx.js';

/** ms without another hint: whoever writes has probably finished. */
const QUIET = 200;
/** ms after which a look is due although the hints do not end. */
const LATEST = 5_000;
/** ms between two looks out of turn. */
export const REST = 1_000;

/** Many hints make one look: soon after the last of them, at the latest some seconds after the first, and never in a hurry. */
export function soonAfter(hints: Observable<void>, clock: Clock): Observable<void> {
  const shared = hints.pipe(share());
  let rested = -Infinity;
  const quiet = () =>
    shared.pipe(
      startWith(undefined),
      switchMap(() => after(clock, Math.max(QUIET, rested - clock.monotonic()))),
    );
  return shared.pipe(
    exhaustMap(() => race(quiet(), after(clock, LATEST)).pipe(take(1))),
    tap(() => (rested = clock.monotonic() + REST)),
    map(() => undefined),
  );
}
