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
import { isSameAvailability } from '../system/availability.js';

export interface PollOptions {
  readonly clock: Clock;
  /** ms from the end of one probe to the next. Default 5,000. */
  readonly interval?: number;
  /**
   * Uniform in [0, 1), for devices that many machines use: half of each pause of an offline one is random, so that those that lost
   * it together do not come back together. Absent: no pause is shortened.
   */
  readonly random?: () => number;
  /** Aborts when the device is closed: probing ends and the observable completes. */
  readonly until?: AbortSignal;
  /** Emits when something may have changed: the device is probed again at once. */
  readonly again?: Observable<void>;
  /** Emits why an operation has just found the device offline: that is reported at once, before more work fails. */
  readonly missed?: Observable<string>;
}

/** Probes the device, cheaply and in limited time. An error means "unavailable", with its message as the reason. */
export type Probe = (signal: AbortSignal) => Promise<Availability>;

/** A device that stays offline is probed less and less often: at least once in that many intervals. */
const MAX_SLOWDOWN = 4;
/** Unless it asks for a longer pause (Retry-After), up to this. */
const MAX_PAUSE_MS = 300_000;

/**
 * Availability by probing at intervals. All subscribers share one probe at a time; without subscribers none runs.
 * A later subscriber receives the latest value at once.
 */
export function pollAvailability(probe: Probe, options: PollOptions): Observable<Availability> {
  const polling = new Observable<Availability>(subscriber => {
    const stop = new AbortController();
    const stopped = options.until ? AbortSignal.any([stop.signal, options.until]) : stop.signal;
    void poll(probe, options, stopped, subscriber);
    return () => stop.abort();
  });
  return polling.pipe(
    distinctUntilChanged(isSameAvailability),
    share({ connector: () => new ReplaySubject(1), resetOnRefCountZero: true }),
  );
}

/** Never rejects: an abort, in a probe or between two probes, ends the polling. */
async function poll(
  probe: Probe,
  { clock, interval = 5_000, random = () => 1, again = EMPTY, missed = EMPTY }: PollOptions,
  signal: AbortSignal,
  subscriber: Subscriber<Availability>,
): Promise<void> {
  let intervals = 0;
  const reported = missed.pipe(tap(reason => subscriber.next({ available: false, reason, armed: false })));
  while (!signal.aborted) {
    const pause = new AbortController();
    const waking = merge(again, reported, fromEvent(signal, 'abort')).subscribe(() => pause.abort());
    const { state, asked } = await ask(probe, signal);
    // The state is out of date if something was reported during the probe.
    if (!signal.aborted && !pause.signal.aborted) subscriber.next(state);
    intervals = state.available ? 1 : Math.min(MAX_SLOWDOWN, intervals + 1);
    const ms = interval * intervals;
    const jittered = state.available ? ms : ((1 + random()) * Math.max(ms, 2 * asked)) / 2;
    await clock.sleep(jittered, pause.signal).catch(() => undefined);
    waking.unsubscribe();
  }
  subscriber.complete();
}

/** `asked`: ms of the pause that it asks for. */
async function ask(probe: Probe, signal: AbortSignal): Promise<{ state: Availability; asked: number }> {
  try {
    return { state: await probe(signal), asked: 0 };
  } catch (error) {
    const { kind, message: reason, temporary, retryAfterMs = 0 } = toFileSyncError(error);
    const misconfigured = temporary ? 'temporarily' : true;
    const state: Availability = {
      ...{ available: false, reason, armed: false },
      ...(kind === 'config' && { misconfigured }),
    };
    return { state, asked: Math.min(retryAfterMs, MAX_PAUSE_MS) };
  }
}
