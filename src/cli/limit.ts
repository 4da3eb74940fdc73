import { FileSyncError } from '../errors.js';

/** Throws `config` unless it is a number of items. */
export function wantedLimit(limit: number): number {
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw new FileSyncError('config', '--limit: must be a whole number above 0');
}
