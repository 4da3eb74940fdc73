import type { FileSyncError } from '../errors.js';

/** When a step that failed temporarily is tried again. Times in ms. */
export interface RetryPolicy {
  /** Pause after the first failure; doubles with each further one. */
  readonly baseMs: number;
  /** No pause is longer (before jitter), unless the device itself asks for it. */
  readonly ceilingMs: number;
  /** Failures in a row, without progress between them, after which the step is left for another run. */
  readonly maxTries: number;
  /** How long steps wait for a device that is offline, or asks for a pause, before they are left for another run. */
  readonly maxWaitMs: number;
}

/** No server is obeyed that asks for a longer pause. */
const LONGEST_ASKED_MS = 24 * 3_600_000;
/** Room on our own disk is worth a look this often, whatever the failures before. */
const NO_SPACE_MS = 5_000;

/** A daemon never gives up on what is temporary. */
export const daemonPolicy: RetryPolicy = {
  baseMs: 1_000,
  ceilingMs: 300_000,
  maxTries: Infinity,
  maxWaitMs: Infinity,
};

/** A single pass ends: what does not work within some seconds is reported and left for the next pass. */
export const passPolicy: RetryPolicy = { baseMs: 250, ceilingMs: 4_000, maxTries: 6, maxWaitMs: 15_000 };

/** Our own disk is full: no device is at fault. */
export const isLocalSpace = ({ kind, origin }: FileSyncError): boolean =>
  kind === 'no-space' && origin === 'local';

/** What failed of one step in a row. */
export class Failures {
  #count = 0;
  /** Bytes of the file that the best attempt has brought across. */
  #reached: number;
  #until = -Infinity;
  #reason = '';
  #waitsForSpace = false;
  readonly #policy: RetryPolicy;
  readonly #random: () => number;

  /** `random`: uniform in [0, 1), for jitter. `reached`: bytes that the first attempt has brought across. */
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

  /** It waits until our own disk has room. */
  get waitsForSpace(): boolean {
    return this.#waitsForSpace;
  }

  /** Only getting further than any attempt before begins the back-off again: who refuses whole files is not sent them without end. */
  progressed(position: number): void {
    if (position <= this.#reached) return;
    this.#reached = position;
    this.#count = 0;
  }

  /** There is room: the next attempt may begin at once. */
  forgetPause(): void {
    this.#until = -Infinity;
  }

  /** Whether there will be another attempt in this run of the program. */
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
   * do not come back together. A pause that the device asked for (HTTP Retry-After) is kept as a minimum, up to a day.
   */
  #delay(error: FileSyncError): number {
    const { baseMs, ceilingMs } = this.#policy;
    const ceiling = isLocalSpace(error) ? Math.min(NO_SPACE_MS, ceilingMs) : ceilingMs;
    const pause = Math.min(ceiling, baseMs * 2 ** (this.#count - 1));
    const asked = Math.min(error.retryAfterMs ?? 0, LONGEST_ASKED_MS);
    return Math.max(asked, pause / 2 + (this.#random() * pause) / 2);
  }
}
