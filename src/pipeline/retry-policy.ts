/** When to try again what failed temporarily. Times in ms. */
export interface RetryPolicy {
  /** Pause after the first failure; doubles with each further one. */
  readonly baseMs: number;
  /** No pause is longer (before jitter), unless the device itself asks for it. */
  readonly ceilingMs: number;
  /** Failures in a row, without progress between them, after which the work is left for another run. */
  readonly maxTries: number;
  /** How long work waits for a device that is away, or asks for a pause, before it is left for another run. */
  readonly patienceMs: number;
}

/** No server is obeyed that asks for a longer pause. */
const LONGEST_ASKED_MS = 24 * 3_600_000;

/** A daemon never gives up on what is temporary. */
export const daemonPolicy: RetryPolicy = {
  baseMs: 1_000,
  ceilingMs: 300_000,
  maxTries: Infinity,
  patienceMs: Infinity,
};

/** A single pass ends: what does not work within some seconds is reported and left for the next pass. */
export const passPolicy: RetryPolicy = { baseMs: 250, ceilingMs: 4_000, maxTries: 6, patienceMs: 15_000 };

/**
 * Exponential back-off with "equal jitter": half of the pause is fixed, half is random, so that devices that failed
 * together do not come back together. A pause that the device asked for (HTTP Retry-After) is kept as a minimum, up to a day.
 */
export function retryDelay(
  policy: RetryPolicy,
  failures: number,
  random: () => number,
  retryAfterMs = 0,
): number {
  const pause = Math.min(policy.ceilingMs, policy.baseMs * 2 ** (failures - 1));
  return Math.max(Math.min(retryAfterMs, LONGEST_ASKED_MS), pause / 2 + (random() * pause) / 2);
}
