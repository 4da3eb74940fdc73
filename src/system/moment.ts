import type { Clock, Moment } from '../ports.js';

/** The present moment of the clock. */
export function momentOf(clock: Clock): Moment {
  const { boot, synchronised: synced } = clock;
  return { at: clock.now(), boot, up: Math.floor(clock.monotonic()), synced };
}

/**
 * ms that have certainly passed since the moment; never negative. Within one boot they are measured by the monotonic clock;
 * across boots by the wall clock, if it was right both times. Otherwise only the uptime of this boot is certain, so that no
 * jump of the clock makes a file old.
 */
export function ageOf(moment: Moment, now: Moment): number {
  const bootsKnown = moment.boot !== '' && now.boot !== '';
  if (bootsKnown && moment.boot === now.boot) return Math.max(0, now.up - moment.up);
  if (moment.synced && now.synced) return Math.max(0, now.at - moment.at);
  return bootsKnown ? now.up : 0;
}
