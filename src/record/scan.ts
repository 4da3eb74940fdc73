import type { FileSyncError } from '../errors.js';
import type { FileRecord } from '../ports.js';

/** The end of one scan of one source. */
export interface Scan {
  readonly device: string;
  /** Monotonic ms: when its listing began. */
  readonly began: number;
  /** The whole source was listed, and the listing proves which files it has. */
  readonly complete: boolean;
  /** Files that were listed and that rules take. */
  readonly files: number;
  /** Files that were recorded, or have come back. */
  readonly found: number;
  /** Files that may still be growing: paths, and ms until the next of them can have settled. */
  readonly growing: readonly string[];
  readonly settledIn: number;
  /** Why the source, or a part of it, could not be listed. */
  readonly error?: FileSyncError;
  /** Nothing was listed, on another medium than before: the drive may not be mounted. */
  readonly otherAndEmpty?: boolean;
}

/** A scan whose listing failed. The source is scanned again later. */
export interface ScanFailure {
  readonly device: string;
  readonly error: FileSyncError;
}

/** The result of one pass. */
export interface PassReport {
  /** The last scan of each source. */
  readonly scans: readonly Scan[];
  /** Records whose delivery was completed in this pass. */
  readonly delivered: readonly FileRecord[];
  /** Records that are neither delivered nor gone, after the pass. */
  readonly unfinished: readonly FileRecord[];
}
