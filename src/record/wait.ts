/**
 * `scan` lists a source, `fetch` copies a file to local storage, `deliver` copies it from there to a target, `stream` copies it
 * from the source to a target, `recover` looks for a finished copy that a crash has kept out of the record, `remove` deletes the
 * file from the source, `evict` deletes the local copy.
 */
export type StepKind = 'scan' | 'recover' | 'fetch' | 'deliver' | 'stream' | 'remove' | 'evict';

/** Files wait in these stages before their delivery; what comes after it concerns no delivery. */
const BEFORE_DELIVERY: ReadonlySet<StepKind> = new Set(['recover', 'fetch', 'deliver', 'stream']);
export const isBeforeDelivery = (stage: StepKind): boolean => BEFORE_DELIVERY.has(stage);

/** What kind of reason it is; programs may rely on these words. */
export const WAIT_CODES = [
  ...(['offline', 'armed', 'settling_after_disarm', 'paused', 'on_request', 'still_growing'] as const),
  ...(['queue', 'back_off', 'disk_full', 'hours', 'over', 'unmetered', 'together', 'kept'] as const),
  ...(['spread', 'slow_down'] as const),
  ...(['unknown_device'] as const),
];
export type WaitCode = (typeof WAIT_CODES)[number];

/** Why a step does not begin now. */
export interface Wait {
  readonly code: WaitCode;
  /** A sentence for a person. */
  readonly reason: string;
  /** Monotonic ms since which it has been so, where that is known. */
  readonly since?: number;
  /** Monotonic ms at which to ask again; absent: when something changes. */
  readonly until?: number;
  /** Running steps are interrupted too. */
  readonly interrupts?: true;
}

/** What one step of a file waits for. */
export interface StepWait extends Wait {
  readonly stage: StepKind;
  readonly target?: string;
}
