/** The files of one database. All lie in one folder, so that a rename is atomic. */
export interface DatabasePaths {
  /** Every record, as of some change. */
  readonly snapshot: string;
  /** The snapshot before that. */
  readonly backup: string;
  /** The latest changes. */
  readonly journal: string;
  /** Changes that the next snapshot will contain; exists only during a compaction or after one that failed. */
  readonly oldJournal: string;
  /** The changes between `backup` and `snapshot`: with it, a lost snapshot can be rebuilt. */
  readonly backupJournal: string;
  /** Records that were moved out of the database; only grows. */
  readonly archive: string;
}

export function databasePaths(path: string): DatabasePaths {
  return {
    snapshot: path,
    backup: `${path}.bak`,
    journal: `${path}.journal`,
    oldJournal: `${path}.journal.old`,
    backupJournal: `${path}.journal.bak`,
    archive: `${path}.archive`,
  };
}
