import type { FileSyncError } from '../errors.js';

/** When a step that failed temporarily is retried. */
export interface RetryPolicy {
  /** Pause after the first failure; doubles with each further one. */
  readonly baseMs: number;
  /** Longest pause before jitter, unless the device itself asks for a longer one. */
  readonly ceilingMs: number;
  /** Failures in a row, without progress between them, after which the step is left for another run. */
  readonly maxTries: number;
  /** How long steps wait for a device that is offline, or asks for a pause, before they are left for another run. */
  readonly maxWaitMs: number;
  /** Nobody waits for the first contact with a target: it may be put off for a moment (`spread` of the device). */
  readonly spreads?: true;
}

/** Longer pauses that a server asks for (HTTP Retry-After) are cut to this: one attempt an hour harms no server. */
const MAX_RETRY_AFTER_MS = 3_600_000;
/** A pause that many were asked for ends at random moments within this time, and within half of that pause. */
const MAX_RETRY_JITTER_MS = 60_000;
/** Longest pause while our own disk is full: free space is checked that often. */
const MAX_NO_SPACE_PAUSE_MS = 5_000;

/** A daemon retries temporary failures without limit. */
export const daemonPolicy: RetryPolicy = {
  baseMs: 1_000,
  ceilingMs: 300_000,
  maxTries: Infinity,
  maxWaitMs: Infinity,
  spreads: true,
};

/** A single pass ends: a step that fails for some seconds is reported and deferred to the next pass. */
export const passPolicy: RetryPolicy = { baseMs: 250, ceilingMs: 4_000, maxTries: 6, maxWaitMs: 15_000 };

/** Our own disk is full: no device is at fault. */
export const isLocalSpace = ({ kind, origin }: FileSyncError): boolean =>
  kind === 'no-space' && origin === 'local';

/** The failures of one step in a row. */
export class Failures {
  #count = 0;
  /** Bytes of the file that the best attempt has transferred. */
  #reached: number;
  #until = -Infinity;
  #reason = '';
  #waitsForSpace = false;
  readonly #policy: RetryPolicy;
  readonly #random: () => number;

  /** `random`: uniform in [0, 1), for jitter. `reached`: bytes that the first attempt has transferred. */
  constructor(policy: RetryPolicy, random: () => number, reached: number) {
    this.#policy = policy;
    this.#random = random;
    this.#reached = reached;
  }

  /** Monotonic ms of the next attempt. */
  get until(): number {
    return this.#until;
  }

  get reason(): string {
    return this.#reason;
  }

  /** It waits until our own disk has space. */
  get waitsForSpace(): boolean {
    return this.#waitsForSpace;
  }

  /** The back-off starts again only if an attempt got further than all before: a server that refuses whole files is not retried fast. */
  progressed(position: number): void {
    if (position <= this.#reached) return;
    this.#reached = position;
    this.#count = 0;
  }

  /** There is space: the next attempt may begin at once. */
  forgetPause(): void {
    this.#until = -Infinity;
  }

  /** Returns whether there will be another attempt in this run of the program. */
  add(error: FileSyncError, now: number): boolean {
    const { maxTries, maxWaitMs } = this.#policy;
    this.#count += 1;
    this.#reason = error.message;
    this.#waitsForSpace = isLocalSpace(error);
    this.#until = now + this.#delay(error);
    return error.temporary && this.#count < maxTries && (error.retryAfterMs ?? 0) <= maxWaitMs;
  }

  /**
   * Exponential back-off with "equal jitter": half of the pause is fixed, half is random, so that devices that failed together
   * do not come back together. A pause that the device asked for (HTTP Retry-After) is a minimum, up to an hour, and ends a
   * random time later, since others were asked for the same one.
   */
  #delay(error: FileSyncError): number {
    const { baseMs, ceilingMs } = this.#policy;
    const ceiling = isLocalSpace(error) ? Math.min(MAX_NO_SPACE_PAUSE_MS, ceilingMs) : ceilingMs;
    const pause = Math.min(ceiling, baseMs * 2 ** (this.#count - 1));
    const asked = Math.min(error.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    const random = this.#random();
    return Math.max(asked + random * Math.min(asked / 2, MAX_RETRY_JITTER_MS), ((1 + random) * pause) / 2);
  }
}
