import type { FileRecord, Moment } from '../ports.js';
import type { Plan } from './plan.js';
import { unitOf, type Together } from './together.js';

/** When a listing last showed a file as its record says, and whether writers can be seen there. */
export interface Sighting {
  /** Monotonic ms: when that listing began; -Infinity: there was none in this run of the program. */
  readonly at: number;
  readonly writersSeen: boolean;
  /** Something was learned in this run of the program of whether the source has the file. */
  readonly isLearned: boolean;
  /** Paths on its source that still change. */
  readonly growing?: readonly string[];
}

/** What the conditions of `after` depend on besides record and plan. */
export interface AfterDelivery {
  readonly now: Moment;
  sighting(record: FileRecord): Sighting;
  /** Local copies under a size limit: this one is among those that have to go. */
  exceedsLimit(id: string): boolean;
  /** Files kept on a source until its space is needed: this one is among those that have to go. */
  spaceNeeded(record: FileRecord): boolean;
  /** When every target had the file, and the others of its unit. */
  delivered(record: FileRecord): Moment | undefined;
  /** ms since a moment, by clocks that can be trusted. */
  age(since: Moment): number;
}

/** Why a delivered file, or its local copy, stays for now. */
export interface Staying {
  readonly code: 'kept' | 'still_growing';
  readonly reason: string;
  /** Monotonic ms; absent: until something changes. */
  readonly until?: number;
}

/**
 * The file must have been listed unchanged `settle` after its delivery, and `deleteAfter` where its writers cannot be seen. Nothing
 * of its unit may change.
 */
export function removalWait(
  record: FileRecord,
  { after, settle, deleteAfter, together }: Plan,
  world: AfterDelivery,
): Staying | undefined {
  if (after.source !== 'delete' && !world.spaceNeeded(record))
    return { code: 'kept', reason: 'stays on the source until its space is needed (keep_free)' };
  const sighting = world.sighting(record);
  const delay = sighting.writersSeen ? settle : Math.max(settle, deleteAfter);
  const delivered = world.delivered(record);
  const rest = delay - (delivered ? world.age(delivered) : 0);
  const reason = 'waits to be removed from the source';
  const code = 'kept';
  if (rest > 0) return { code, reason: `${reason} (delete_after, settle)`, until: world.now.up + rest };
  const moving = together && movingWith(record.path, together, sighting.growing ?? []);
  if (moving !== undefined)
    return { code: 'still_growing', reason: `${reason}: ${moving}, which goes with it, still changes` };
  return isConfirmed(delivered, settle, sighting, world.now)
    ? undefined
    : { code, reason: `${reason}: it will be listed once more` };
}

function movingWith(path: string, together: Together, growing: readonly string[]): string | undefined {
  const key = unitOf(path, together)?.key;
  return key === undefined ? undefined : growing.find(one => unitOf(one, together)?.key === key);
}

function isConfirmed(delivered: Moment | undefined, settle: number, { at }: Sighting, now: Moment): boolean {
  if (!delivered || at === -Infinity) return false;
  return delivered.boot !== now.boot || at >= delivered.up + settle;
}

export function evictionWait(
  record: FileRecord,
  { after: { local } }: Plan,
  world: AfterDelivery,
): Staying | undefined {
  if (record.evict) return undefined;
  if (local.kind === 'size' && !world.exceedsLimit(record.id))
    return { code: 'kept', reason: 'the local copy stays while the limit of `local` is kept' };
  if (local.kind !== 'age') return undefined;
  const delivered = world.delivered(record);
  const rest = local.ms - (delivered ? world.age(delivered) : 0);
  return rest > 0
    ? { code: 'kept', reason: 'the local copy stays for the time of `local`', until: world.now.up + rest }
    : undefined;
}
