import { concatMap, distinctUntilChanged, EMPTY, merge, startWith, throttle, type Observable } from 'rxjs';
import type { Clock } from '../ports.js';
import { after } from '../system/rx.js';
import type { Api } from './api.js';
import type { Status } from './schema.js';

/** Between two checks. */
const MIN_INTERVAL_MS = 1_000;
/** After each check, a pause of so many times its duration: with very many files it takes long. */
const PAUSE_FACTOR = 20;

/** What may change the status when it emits. */
export interface StatusHints {
  readonly records: { readonly changes: Observable<unknown> };
  readonly devices: Observable<unknown>;
  readonly progress: Observable<unknown>;
  readonly reloads?: Observable<unknown> | undefined;
  readonly sources?: Observable<unknown> | undefined;
}

/** The status now, and again after it has changed. */
export function statusFeed(
  api: Pick<Api, 'status'>,
  { records, devices, progress, reloads = EMPTY, sources = EMPTY }: StatusHints,
  clock: Clock,
): Observable<Status> {
  let pause = MIN_INTERVAL_MS;
  const check = async (): Promise<Status> => {
    const began = clock.monotonic();
    const status = await api.status();
    pause = Math.max(MIN_INTERVAL_MS, PAUSE_FACTOR * (clock.monotonic() - began));
    return status;
  };
  return merge(records.changes, devices, progress, reloads, sources).pipe(
    startWith(undefined),
    throttle(() => after(clock, pause), { leading: true, trailing: true }),
    concatMap(check),
    distinctUntilChanged((a, b) => JSON.stringify(a) === JSON.stringify(b)),
  );
}
