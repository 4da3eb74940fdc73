import type { FileSyncError } from '../errors.js';
import type { Outcome } from './events.js';
import type { StepKind } from './wait.js';

/** One act on one file (or, `scan`, on one source). Steps with the same key are the same step. */
export interface Step {
  readonly kind: StepKind;
  readonly key: string;
  /** The record's id; empty for a scan. */
  readonly id: string;
  /** The device to list, to read from or to delete from. */
  readonly source?: string;
  readonly target?: string;
}

/** `position`: bytes of the file that have been transferred. */
export type Progressed = (position: number) => void;

/** Runs the steps of some kinds. It reports by events, and decides nothing. */
export interface StepWorker {
  run(step: Step, signal: AbortSignal, progressed: Progressed): Promise<void>;
  /** An attempt failed, or was interrupted (`cancelled`). `last`: this run of the program makes no other. */
  failed(step: Step, error: FileSyncError, outcome: Outcome, last: boolean): void;
}

/** Who runs the steps of each kind. */
export type StepWorkers = Readonly<Record<StepKind, StepWorker>>;
