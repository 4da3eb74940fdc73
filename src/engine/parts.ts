import type { LocalStorage } from '../local/storage.js';
import type { Clock, Logger, Store } from '../ports.js';
import type { FactReading } from '../record/fact-reading.js';
import type { Planner } from '../rules/plan.js';
import type { TemplateContext } from '../rules/template-context.js';
import type { RetryPolicy } from '../system/back-off.js';
import type { Device } from './devices.js';
import type { UseBoth } from './streamer.js';

/** What an engine is made of. */
export interface EngineParts {
  readonly devices: readonly Device[];
  readonly store: Store;
  readonly local: LocalStorage;
  readonly planner: Planner;
  readonly templates: TemplateContext;
  readonly useBoth: UseBoth;
  readonly installation?: string; // As `tokenOf` has it.
  /** Absent: nobody wants to know what is in the files. */
  readonly facts?: FactReading;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly policy: RetryPolicy;
  /** ms between two scans of a source. */
  readonly interval: number;
  /** ms after which records of delivered files that are gone from their source move to the archive. */
  readonly keepRecords: number;
}
