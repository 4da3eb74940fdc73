import type { FileRecord, FileState } from '../ports.js';
import type { DeviceStatus } from '../pipeline/hub.js';

export interface FileFilter {
  readonly state?: FileState;
  readonly device?: string;
}

export interface Status {
  /** Whether a daemon works on the database now; without one, devices are not known. */
  readonly running: boolean;
  readonly devices: readonly DeviceStatus[];
  /** Number of records by the name of their state; states without records are left out. */
  readonly counts: Readonly<Record<string, number>>;
}

/** What an edit did: nothing is half done, and what was refused says why. */
export interface EditResult {
  readonly changed: readonly string[];
  readonly refused: readonly { readonly id: string; readonly reason: string }[];
}

/** Looking into the database and editing it, the same whether a daemon holds it or nobody does. */
export interface Admin {
  status(): Promise<Status>;
  files(filter: FileFilter): Promise<readonly FileRecord[]>;
  /** Brings FAILED files back. `ids` may be unique beginnings; `failed` stands for all that are FAILED. */
  retry(ids: readonly string[] | 'failed'): Promise<EditResult>;
  /** Deletes records. Files stay where they are; what is still on a source will be found again. */
  forget(ids: readonly string[]): Promise<EditResult>;
  close(): Promise<void>;
}
