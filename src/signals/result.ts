import type { Signal } from './collector.js';

/** Time for a file: a log of a day takes less. */
export const MAX_READ_MS = 20_000;

const NOTES = {
  noCopy: 'there is no copy of the file on this computer',
  armed: 'a vehicle is armed: nothing is read until it is disarmed',
  format: 'the file is no ULog and no log of ArduPilot',
  empty: 'the log has neither altitude nor speed nor battery',
  slow: `the log could not be read within ${MAX_READ_MS / 1000} s`,
} as const;

export interface Result {
  readonly signals: Signal[];
  /** Why there are none, or why they are not complete; empty otherwise. */
  readonly note: string;
}

export const without = (why: keyof typeof NOTES): Result => ({ signals: [], note: NOTES[why] });
