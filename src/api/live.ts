import type { Observable } from 'rxjs';
import type { SourceNow } from '../links/source-watch.js';
import type { FileRecord } from '../ports.js';
import type { Status } from './schema.js';
import type { FleetPage } from './schema-fleet.js';
import type {
  Link,
  LinkFigures,
  LinkSample,
  LogEntry,
  LogPage,
  LogQuery,
  SignalsView,
} from './schema-live.js';

/** What was measured of each device's link in the last hour. */
export interface LinkHistory {
  /** The latest figures; null for a device of which nothing has been measured. */
  figures(device: string): LinkFigures | null;
  /** Empty lists for a device of which nothing has been measured; whether there is such a device is for the caller to know. */
  of(device: string): Link;
  /** Emits each new sample. */
  readonly samples: Observable<{ readonly device: string; readonly sample: LinkSample }>;
}

/** The last lines of the log. */
export interface LogRing {
  query(query: LogQuery): LogPage;
  /** Emits each new line. */
  readonly entries: Observable<LogEntry>;
}

/** Altitude, speed and battery of a flight. */
export interface Signals {
  /** Reads the local copy. Resolves with a note where there is nothing to plot; rejects with `cancelled` if `signal` aborts. */
  of(record: FileRecord, signal: AbortSignal): Promise<SignalsView>;
}

/** What Prometheus asks for. */
export interface MetricsText {
  /** In the text format 0.0.4: its type is `text/plain; version=0.0.4; charset=utf-8`. */
  text(api: { status(): Promise<Status> }): Promise<string>;
  /** Counts an answer. `route`: as the table of routes has it, such as `/files/{id}`; never the path that was asked for. */
  requested(route: string, code: number): void;
}

/** The status of all vehicles of a fleet. */
export interface FleetStatus {
  /** From the store, or as it was read a moment ago. Never rejects. */
  page(): Promise<FleetPage>;
}

/** What a daemon's Api has beside the database and the engine. */
export interface LiveParts {
  readonly sources?: {
    /** How well the files of each source are known. */
    now(): readonly SourceNow[];
    /** Emits when that may have changed. */
    readonly changes: Observable<unknown>;
  };
  readonly links?: LinkHistory;
  readonly log?: LogRing;
  readonly signals?: Signals;
  readonly metrics?: MetricsText;
  readonly fleet?: FleetStatus;
}
