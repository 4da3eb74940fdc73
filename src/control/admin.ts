import type { DeviceStatus } from '../engine/devices.js';
import type { FileView } from '../record/state.js';
import type { FileState } from '../ports.js';

export interface FileFilter {
  readonly state?: FileState;
  readonly device?: string;
  /** Records that have moved to the archive as well. */
  readonly all?: boolean;
}

export interface Status {
  /** Whether a daemon works on the database now; without one, devices are not known. */
  readonly running: boolean;
  readonly devices: readonly DeviceStatus[];
  /** Number of records by the name of their state; states without records are left out. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A file as people see it; `waits`: why nothing happens to it now, where a daemon knows. */
export interface ListedFile extends FileView {
  readonly waits?: string;
}

/** What an edit did: nothing is half done, and what was refused says why. */
export interface EditResult {
  readonly changed: readonly string[];
  readonly refused: readonly { readonly id: string; readonly reason: string }[];
}

/** Ids of files, and of those that still wait. */
export interface AdoptResult {
  readonly adopted: readonly string[];
  readonly left: readonly string[];
}

/** Looking into the database and editing it, the same whether a daemon holds it or nobody does. */
export interface Admin {
  status(): Promise<Status>;
  files(filter: FileFilter): Promise<readonly ListedFile[]>;
  /** Brings FAILED files back. `ids` may be unique beginnings; `failed` stands for all that are FAILED. */
  retry(ids: readonly string[] | 'failed'): Promise<EditResult>;
  /** Deletes records. Files stay where they are; what is still on a source will be found again. */
  forget(ids: readonly string[]): Promise<EditResult>;
  /** Moves files to the front of their queues, the first named first. */
  first(ids: readonly string[]): Promise<EditResult>;
  /** Fetches and delivers files that rules only list (SKIPPED). */
  fetch(ids: readonly string[]): Promise<EditResult>;
  close(): Promise<void>;
}
