/** The suffix of a file that belongs to an SQLite database of that name; `-shm` is left out because SQLite can rebuild it. */
const COMPANION = /(?<=\.(?:db3|db|sqlite3?))-(?:wal|journal)$/i;

/** The path of the SQLite database that a write-ahead log or rollback journal belongs to; undefined for other files. */
export function companionOf(path: string): string | undefined {
  const main = path.replace(COMPANION, '');
  return main === path ? undefined : main;
}

/** The path of the database that files which are complete only together share. */
export const mainOf = (path: string): string => companionOf(path) ?? path;

/** Whether the file is complete only together with another one. */
export function isCompanion(path: string): boolean {
  return COMPANION.test(path);
}
