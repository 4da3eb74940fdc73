import { FileSyncError } from '../errors.js';
import type { FileRecord } from '../ports.js';

/** A target has the file, or may have it: its hash must be kept. */
export const isHeld = (record: FileRecord): boolean => holdersOf(record).length > 0;

/**
 * All targets get the same bytes, also from a source that cannot detect that its file has changed: throws if a target other than
 * `target` has, or may have, bytes with another hash.
 */
export function refuseOtherBytes(record: FileRecord | undefined, sha256: string, target?: string): void {
  if (record?.sha256 === undefined || record.sha256 === sha256) return;
  const holder = holdersOf(record).find(name => name !== target);
  if (holder === undefined) return;
  const remedy = '`filesync forget` makes them another file';
  const message = `the source has other bytes now than those that ${holder} got: ${remedy}`;
  throw new FileSyncError('changed', message, { path: record.path, temporary: false });
}

const holdersOf = ({ targets, former }: FileRecord): string[] =>
  Object.entries({ ...former, ...targets }).flatMap(([name, { state }]) =>
    state === 'done' || state === 'committing' ? [name] : [],
  );
