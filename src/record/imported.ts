import type { FileRecord } from '../ports.js';

/** A record of another database as the first one of its file here: an unfinished copy may be another one, and is not resumed. */
export function imported(record: FileRecord): FileRecord {
  const { state } = record.copy;
  return state === 'fetching' || state === 'partial' ? { ...record, copy: { state: 'none' } } : record;
}
