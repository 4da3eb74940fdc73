import type { Clock, Moment } from '../ports.js';

/** The present, as the clock knows it. */
export function momentOf(clock: Clock): Moment {
  const { boot, synchronised: synced } = clock;
  return { at: clock.now(), boot, up: Math.floor(clock.monotonic()), synced };
}

/**
 * ms that have certainly passed since the moment; never negative. Within one boot the monotonic clock tells it. Across boots
 * only the wall clock can, if it was right both times; otherwise no more is known than that this boot began later, so that
 * no jump of the clock makes anything old.
 */
export function ageOf(moment: Moment, now: Moment): number {
  const bootsKnown = moment.boot !== '' && now.boot !== '';
  if (bootsKnown && moment.boot === now.boot) return Math.max(0, now.up - moment.up);
  if (moment.synced && now.synced) return Math.max(0, now.at - moment.at);
  return bootsKnown ? now.up : 0;
}
