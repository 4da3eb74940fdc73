import { Observable } from 'rxjs';
import { FileSyncError } from '../errors.js';
import type { Clock } from '../ports.js';

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

/** Errors with `cancelled` when the signal aborts; never emits. */
export function aborted(signal: AbortSignal): Observable<never> {
  return new Observable(subscriber => {
    const fail = () =>
      subscriber.error(
        signal.reason instanceof FileSyncError ? signal.reason : new FileSyncError('cancelled', 'cancelled'),
      );
    if (signal.aborted) return fail();
    signal.addEventListener('abort', fail, { once: true });
    return () => signal.removeEventListener('abort', fail);
  });
}
