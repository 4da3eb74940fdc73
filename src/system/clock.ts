import { hrtime } from 'node:process';
import { toFileSyncError } from '../errors.js';
import type { Clock } from '../ports.js';
import { bootId } from './boot-id.js';
import { sleep } from './sleep.js';
import { TimeSync } from './time-sync.js';

/** The first eight hex digits of the kernel's boot id, which identify a boot of one machine. */
const boot = bootId.slice(0, 8);

const now = (): number => Date.now();

/** ms of CLOCK_MONOTONIC at the origin of `performance.now()`, which counts by the same clock without any allocation. */
const origin = Number(hrtime.bigint()) / 1e6 - performance.now();

/** CLOCK_MONOTONIC (clock_gettime(2)): restarts of the program do not reset it. */
const monotonic = (): number => origin + performance.now();

const timeSync = new TimeSync(now);

/** The machine's clock. A pending sleep keeps the program alive. */
export const systemClock: Clock = {
  now,
  monotonic,
  boot,
  get synchronised() {
    return timeSync.synchronised;
  },
  async sleep(ms, signal) {
    try {
      await sleep(ms, signal);
    } catch (error) {
      throw toFileSyncError(error, { operation: 'sleep' });
    }
  },
};
