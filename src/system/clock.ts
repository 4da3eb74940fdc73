import { setTimeout as delay } from 'node:timers/promises';
import { toFileSyncError } from '../errors.js';
import type { Clock } from '../ports.js';

/** The longest wait that a Node timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clock. A pending sleep keeps the program alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    try {
      for (let left = Math.max(0, ms); ; left -= MAX_TIMER_MS) {
        await delay(Math.min(left, MAX_TIMER_MS), undefined, signal ? { signal } : {});
        if (left <= MAX_TIMER_MS) return;
      }
    } catch (error) {
      throw toFileSyncError(error, { operation: 'sleep' });
    }
  },
};
