import { hrtime } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { toFileSyncError } from '../errors.js';
import type { Clock } from '../ports.js';
import { bootId } from './boot-id.js';
import { TimeSync } from './time-sync.js';

/** The longest wait that a Node timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The first eight hex digits of the kernel's boot id tell boots of one machine apart. */
const boot = bootId.slice(0, 8);

const now = (): number => Date.now();

/** CLOCK_MONOTONIC (clock_gettime(2)): it goes on across restarts of the program. */
function monotonic(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

const timeSync = new TimeSync(now);

/** The machine's own clock. A pending sleep keeps the program alive. */
export const systemClock: Clock = {
  now,
  monotonic,
  boot,
  get synchronised() {
    return timeSync.synchronised;
  },
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
