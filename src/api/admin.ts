import type { DeviceStatus } from '../engine/devices.js';
import type { FileView } from '../record/state.js';
import type { FileState } from '../ports.js';

export interface FileFilter {
  readonly state?: FileState;
  readonly device?: string;
  /** With the records of the archive. */
  readonly all?: boolean;
}

export interface Status {
  /** Whether a daemon has the database open; without one, devices are not known. */
  readonly running: boolean;
  readonly devices: readonly DeviceStatus[];
  /** Number of records by the name of their state; states without records are left out. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A file in a list; `waits`: why it waits, where a daemon knows. */
export interface ListedFile extends FileView {
  readonly waits?: string;
}

/** The result of an edit; each file is either changed or refused with a reason. */
export interface EditResult {
  readonly changed: readonly string[];
  readonly refused: readonly { readonly id: string; readonly reason: string }[];
}

/** Queries and edits of the database, the same with and without a daemon. */
export interface Admin {
  status(): Promise<Status>;
  files(filter: FileFilter): Promise<readonly ListedFile[]>;
  /** Brings FAILED files back. `ids` may be unique beginnings; `failed`: all that are FAILED. */
  retry(ids: readonly string[] | 'failed'): Promise<EditResult>;
  /** Deletes records. Files stay where they are; files that are still on a source are found again. */
  forget(ids: readonly string[]): Promise<EditResult>;
  /** Moves files to the front of their queues, the first named first. */
  first(ids: readonly string[]): Promise<EditResult>;
  /** Fetches and delivers files that rules only list (SKIPPED). */
  fetch(ids: readonly string[]): Promise<EditResult>;
  close(): Promise<void>;
}
