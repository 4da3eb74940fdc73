import type { LocalStorage } from './storage.js';
import { holdsSameBytes } from './verification.js';
import type { FileRecord, Source, SourceFile } from '../ports.js';
import type { Records } from '../record/records.js';
import { compareNaturally } from '../system/natural-order.js';

/** A source that has just been listed completely. */
export interface Medium {
  readonly device: string;
  readonly source: Source;
  readonly files: readonly SourceFile[];
  readonly records: Records;
  readonly local: LocalStorage;
  readonly signal: AbortSignal;
}

/** Whether the volume is certainly another one than before. */
export function isOtherVolume(before: string | undefined, now: string | undefined): boolean {
  return before !== undefined && now !== undefined && before !== now;
}

/**
 * Whether a source without modification times has other files under known names: the newest file that was fetched from it is
 * gone although others seem to be there (its counter has started again), or its content differs.
 */
export async function holdsOtherFiles({
  device,
  source,
  files,
  records,
  local,
  signal,
}: Medium): Promise<boolean> {
  const listed = new Map(files.map(file => [file.path, file]));
  const looksAsKnown = ({ path, size }: FileRecord) => {
    const file = listed.get(path);
    return file?.size === size && file.modified === undefined;
  };
  const fetched = [...records.all()].filter(
    record => record.device === device && record.source.state === 'present' && record.sha256 !== undefined,
  );
  const newest = fetched.reduce<FileRecord | undefined>((a, b) => (a && isNewer(a, b) ? a : b), undefined);
  if (!newest || !fetched.some(looksAsKnown)) return false;
  return !looksAsKnown(newest) || !(await holdsSameBytes(newest, newest, source, local, signal));
}

function isNewer(a: FileRecord, b: FileRecord): boolean {
  if (a.foundAt !== b.foundAt) return a.foundAt > b.foundAt;
  return compareNaturally(a.path, b.path) > 0;
}
