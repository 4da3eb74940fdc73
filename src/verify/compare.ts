import { toFileSyncError } from '../errors.js';
import type { LocalStorage } from '../local/storage.js';
import type { Delivery, FileRecord, Target } from '../ports.js';
import { hasLocalCopy, isDelivered } from '../record/state.js';

/** What is wrong with one copy of a file. `unknown`: it could not be compared. */
export interface Fault {
  readonly kind: 'missing' | 'corrupt' | 'unknown';
  /** Part of a sentence. */
  readonly message: string;
}

/** How a copy was compared, or what is wrong with it. `uncompared`: nothing of it can be compared. */
export type CompareResult = 'hash' | 'size' | 'uncompared' | Fault;

export const isFault = (verdict: CompareResult): verdict is Fault => typeof verdict === 'object';

const MISSING: Fault = { kind: 'missing', message: 'is missing' };

/** Whether a finished local copy should be there; one that was lost after its delivery should, too. */
export const expectsCopy = (record: FileRecord): boolean =>
  hasLocalCopy(record) || (record.copy.state === 'none' && (record.lost ?? 0) > 0 && isDelivered(record));

/** Compares a local copy with the hash of its record. Rejects with `cancelled` only. */
export async function compareCopy(
  { local: name, sha256, size }: FileRecord,
  local: LocalStorage,
  signal?: AbortSignal,
): Promise<CompareResult> {
  try {
    const there = await local.stat(name);
    if (!there) return MISSING;
    if (there.size !== size) return otherSize(there.size, size);
    if (sha256 === undefined) return 'size';
    const { value } = await local.checksum(name, 'sha256', signal);
    return value === sha256 ? 'hash' : { kind: 'corrupt', message: 'has other bytes than were fetched' };
  } catch (thrown) {
    return faultOf(thrown);
  }
}

/** Compares what a target has under the name of a delivered file. Rejects with `cancelled` only. */
export async function compareDelivery(
  { id, size, sha256 }: FileRecord,
  { path }: Delivery,
  target: Target,
  signal: AbortSignal,
): Promise<CompareResult> {
  const { stat, checksum } = target.capabilities;
  if (path === undefined || !stat) return 'uncompared';
  try {
    const there = await target.stat(path, id, signal);
    if (there.size === undefined) return MISSING;
    if (there.size !== size) return otherSize(there.size, size);
    if (sha256 === undefined || checksum !== 'sha256') return 'size';
    const { value } = await target.checksum(path, signal);
    return value === sha256 ? 'hash' : { kind: 'corrupt', message: 'has other bytes than were sent' };
  } catch (thrown) {
    return faultOf(thrown);
  }
}

const otherSize = (found: number, expected: number): Fault => ({
  kind: 'corrupt',
  message: `has ${found} bytes instead of ${expected}`,
});

function faultOf(thrown: unknown): Fault {
  const error = toFileSyncError(thrown);
  if (error.kind === 'cancelled') throw error;
  return error.kind === 'not-found'
    ? MISSING
    : { kind: 'unknown', message: `cannot be compared: ${error.message}` };
}
