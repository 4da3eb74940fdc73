import {
  distinctUntilChanged,
  EMPTY,
  fromEvent,
  merge,
  Observable,
  ReplaySubject,
  share,
  tap,
  type Subscriber,
} from 'rxjs';
import { toFileSyncError } from '../errors.js';
import type { Availability, Clock } from '../ports.js';

export interface PollOptions {
  readonly clock: Clock;
  /** ms from the end of one probe to the next. Default 5,000. */
  readonly interval?: number;
  /** Its abort ends the probing and completes the observable: the device was closed. */
  readonly until?: AbortSignal;
  /** Something may have changed: the device is asked again at once. */
  readonly again?: Observable<void>;
  /** An operation has just met the device away, for this reason: that is told at once, before more work runs into it. */
  readonly missed?: Observable<string>;
}

/** Asks the device, cheaply and in limited time. What it throws is taken for "unavailable", with the message as reason. */
export type Probe = (signal: AbortSignal) => Promise<Availability>;

/** A device that stays away is asked less and less often, at the least once in so many intervals. */
const MAX_SLOWDOWN = 4;

/**
 * Availability by asking now and then. However many subscribe, one probe runs at a time, and none while nobody
 * does; a later subscriber is given the latest value at once.
 */
export function pollAvailability(probe: Probe, options: PollOptions): Observable<Availability> {
  const polling = new Observable<Availability>(subscriber => {
    const stop = new AbortController();
    const stopped = options.until ? AbortSignal.any([stop.signal, options.until]) : stop.signal;
    void poll(probe, options, stopped, subscriber);
    return () => stop.abort();
  });
  return polling.pipe(
    distinctUntilChanged(isSame),
    share({ connector: () => new ReplaySubject(1), resetOnRefCountZero: true }),
  );
}

/** Never rejects: an abort, in a probe or between two, is the end. */
async function poll(
  probe: Probe,
  { clock, interval = 5_000, again = EMPTY, missed = EMPTY }: PollOptions,
  signal: AbortSignal,
  subscriber: Subscriber<Availability>,
): Promise<void> {
  let intervals = 0;
  const told = missed.pipe(tap(reason => subscriber.next({ available: false, reason, armed: false })));
  while (!signal.aborted) {
    const pause = new AbortController();
    const waking = merge(again, told, fromEvent(signal, 'abort')).subscribe(() => pause.abort());
    const state = await ask(probe, signal);
    // What was asked before the latest news is out of date.
    if (!signal.aborted && !pause.signal.aborted) subscriber.next(state);
    intervals = state.available ? 1 : Math.min(MAX_SLOWDOWN, intervals + 1);
    await clock.sleep(interval * intervals, pause.signal).catch(() => undefined);
    waking.unsubscribe();
  }
  subscriber.complete();
}

async function ask(probe: Probe, signal: AbortSignal): Promise<Availability> {
  try {
    return await probe(signal);
  } catch (error) {
    const { kind, message: reason } = toFileSyncError(error);
    return { available: false, reason, armed: false, ...(kind === 'config' && { misconfigured: true }) };
  }
}

const isSame = (a: Availability, b: Availability): boolean =>
  a.available === b.available && a.reason === b.reason && a.armed === b.armed;
