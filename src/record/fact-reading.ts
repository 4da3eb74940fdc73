import type { Source } from '../ports.js';
import type { Records } from './records.js';
import type { StepWorkers } from './step.js';

/** What is read of files, beside all other work. Steps wait for it only where their rule asks what is in the file. */
export interface FactReading {
  /** The workers, those of which wait that have to know first. Called once, before anything else. */
  around(workers: StepWorkers, engine: ReadingEngine): StepWorkers;
  /** Begins to read the local copies that there are, and from now on each new one. */
  start(): void;
  /** Resolves when nothing is left to be read. */
  idle(): Promise<void>;
  /** Ends reading; resolves when nothing is read any more. */
  stop(): Promise<void>;
}

/** The engine, as far as it is needed to read facts. */
export interface ReadingEngine {
  readonly records: Records;
  readonly registry: {
    source(device: string): Source | undefined;
    sourceState(device: string): SourceState | undefined;
  };
  /** Applies the rules to the record as it is now. */
  readonly plan: (id: string) => void;
}

export interface SourceState {
  readonly available: boolean;
  readonly armed: boolean;
  /** Monotonic ms until which a vehicle that has just been disarmed is not used. */
  readonly quietUntil?: number;
}
