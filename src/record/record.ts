import { FileState } from '../ports.js';
import type { Delivery, FileRecord, LocalCopy, Moment, SourceFile } from '../ports.js';
import type { Digested, Edit, FileEvent } from './events.js';
import { without, withOptional } from './fields.js';
import {
  deliveryTo,
  failuresOf,
  isOwed,
  sameDeliveries,
  toPending,
  withDeliveries,
  withDelivery,
  withName,
  withTargets,
} from './named-targets.js';
import { isHeld } from './other-bytes.js';
import { hasLocalCopy, isDelivered, isOpen } from './state.js';

/** How often the bytes that arrive may differ from those that the source reports before the file fails. */
const MAX_MISMATCHES = 3;
const GIVEN_UP = 'given up by hand';

/**
 * The record after the event: the only place where facts about files change. An event that says nothing new, or comes too
 * late to be true, returns the same object. Only `Found` makes a record.
 */
export function apply(record: FileRecord | undefined, event: FileEvent, now: Moment): FileRecord | undefined {
  if (!record) return event.type === 'Found' ? event.record : undefined;
  if (comesTooLate(record, event)) return record;
  const changed = changedBy(record, event, now);
  return changed === record ? record : { ...withDeliveryTime(changed, now), updatedAt: now.at };
}

/**
 * A file that has just been found: there is no local copy, and its delivery to each target, under the name in `paths` or under one
 * that is chosen later, is pending.
 */
export function newRecord(
  found: SourceFile & Pick<FileRecord, 'id' | 'device' | 'local' | 'description' | 'foundAt'>,
  paths: Readonly<Record<string, string | undefined>>,
): FileRecord {
  const record: FileRecord = {
    ...{ ...found, updatedAt: found.foundAt, targets: {} },
    ...{ source: { state: 'present' }, copy: { state: 'none' } },
  };
  return withTargets(record, paths);
}

type Guards = {
  readonly [Type in FileEvent['type']]?: (
    record: FileRecord,
    event: Extract<FileEvent, { type: Type }>,
  ) => boolean;
};

const isHere = (record: FileRecord): boolean =>
  hasLocalCopy(record) || (isDelivered(record) && record.restore === undefined);
const isClosed = (record: FileRecord, { target }: { readonly target: string }): boolean => {
  const delivery = deliveryTo(record, target);
  return delivery !== undefined && !isOpen(delivery);
};

/** An event that comes too late changes nothing: only a person takes a whole local copy or a delivery back. */
const TOO_LATE: Guards = {
  FetchBegan: record => isHere(record) || record.givenUp === true,
  ...{ Checkpointed: isHere, Hashed: isHere, FetchFailed: isHere, Mismatched: isHere },
  ...{
    CopyLost: record => !hasLocalCopy(record),
    Evicted: ({ copy }) => copy.state !== 'whole' && copy.state !== 'none',
  },
  ...{ DeliveryBegan: isClosed, Committing: isClosed, DeliveryFailed: isClosed },
  Delivered: (record, { target }) => deliveryTo(record, target)?.state === 'done',
  DeliveryLost: ({ targets }, { target }) => targets[target]?.state !== 'done',
  CopyWanted: record => hasLocalCopy(record) || !isDelivered(record) || record.source.state !== 'present',
  CopyUnwanted: record => !hasLocalCopy(record) || !isDelivered(record),
  Edited: ({ source }, { edit }) => source.state === 'removed' && edit.state !== undefined,
};

function comesTooLate(record: FileRecord, event: FileEvent): boolean {
  const guard = TOO_LATE[event.type] as ((record: FileRecord, event: FileEvent) => boolean) | undefined;
  return guard?.(record, event) ?? false;
}

type Changes = {
  readonly [Type in FileEvent['type']]: (
    record: FileRecord,
    event: Extract<FileEvent, { type: Type }>,
    now: Moment,
  ) => FileRecord;
};

/** The facts that each event changes. */
const CHANGES: Changes = {
  Found: record => record,
  SeenAgain: seenAgain,
  Gone: gone,
  Planned: planned,
  FetchBegan: (record, { local }) => ({
    ...without(record, 'reason'),
    local,
    copy: { ...record.copy, state: 'fetching' },
  }),
  Checkpointed: (record, { checkpoint }) => ({ ...record, copy: { state: 'fetching', checkpoint } }),
  Hashed: (record, event) => ({ ...digested(record, event), local: event.local }),
  Fetched: (record, _event, { at: fetchedAt }) => ({
    ...without(record, 'reason', 'mismatches', 'givenUp', 'restore', 'removal'),
    ...{ copy: { state: 'whole' }, fetchedAt },
  }),
  FactsRead: (record, { facts }) => ({ ...record, facts }),
  Named: withName,
  NotRecovered: notRecovered,
  FetchFailed: fetchFailed,
  Mismatched: mismatched,
  CopyLost: copyLost,
  Recognised: recognised,
  Distinguished: record => without(record, 'like'),
  DeliveryBegan: (record, event) => withBegunDelivery(record, event, 'sending'),
  Committing: (record, event) => withBegunDelivery(record, event, 'committing'),
  Delivered: (record, event, { at }) =>
    withDelivery(digested(record, event), event.target, {
      ...{ state: 'done', path: event.path, ...event.receipt, at },
      ...failuresOf(deliveryTo(record, event.target)),
    }),
  DeliveryFailed: deliveryFailed,
  // A file that a person asked for again meanwhile gets no other bytes from there.
  Removed: (record, _event, { at: removedAt }) => ({
    ...without(record, 'reason', 'removal'),
    ...{ source: { state: isDelivered(record) ? 'removed' : 'gone' }, removedAt },
  }),
  RemovalFailed: (record, { reason, outcome }) => ({
    ...record,
    reason: `not removed from the source: ${reason}`,
    ...(outcome === 'failed' && { removal: 'refused' }),
  }),
  Evicted: record => ({
    ...without(record, 'evict'),
    copy: { state: isDelivered(record) ? 'evicted' : 'none' },
  }),
  Retried: record =>
    withDeliveries(without(record, 'givenUp', 'mismatches', 'reason'), one =>
      one.state === 'failed' ? toPending(one) : one,
    ),
  Edited: edited,
  DeliveryLost: deliveryLost,
  CopyWanted: record => ({ ...without(record, 'evict'), restore: true }),
  CopyUnwanted: record => ({ ...record, evict: true }),
  Asked: record => ({ ...without(record, 'skipped'), asked: true }),
  Prioritised: (record, { first }) => ({ ...record, first }),
  Restarted: restarted,
  ClockSet: clockSet,
};

function changedBy(record: FileRecord, event: FileEvent, now: Moment): FileRecord {
  const change = CHANGES[event.type] as (record: FileRecord, event: FileEvent, now: Moment) => FileRecord;
  return change(record, event, now);
}

/** Sets the time of the last delivery, from which every age is counted. A file that all targets have is not given up. */
function withDeliveryTime(record: FileRecord, now: Moment): FileRecord {
  if (!isDelivered(record)) return without(record, 'delivered', 'evict');
  const kept = record.givenUp ? without(record, 'givenUp', 'reason') : record;
  return kept.delivered ? kept : { ...without(kept, 'like'), delivered: now };
}

// ---- events of the Finder -------------------------------------------------------------------------------

/** A partial copy is not resumed: the file on the source may be another one. */
function seenAgain(record: FileRecord, { modified }: Extract<FileEvent, { type: 'SeenAgain' }>): FileRecord {
  if (record.source.state !== 'gone') return record;
  const copy: LocalCopy = hasLocalCopy(record) ? record.copy : { state: 'none' };
  const seen = record.givenUp ? record : without(record, 'reason');
  return { ...seen, source: { state: 'present' }, copy, ...(modified !== undefined && { modified }) };
}

function gone(record: FileRecord): FileRecord {
  if (record.source.state !== 'present') return record;
  const changed: FileRecord = { ...record, source: { state: 'gone' } };
  if (isDelivered(record) || hasLocalCopy(record) || record.givenUp) return changed;
  return { ...changed, reason: 'gone from the source, or another file by now, before it was fetched' };
}

// ---- events of the rules --------------------------------------------------------------------------------

/**
 * A delivered file gets no further target, other than one that it was owed. A target that the rules no longer name stays if it has,
 * or may have, the file.
 */
function planned(record: FileRecord, event: Extract<FileEvent, { type: 'Planned' }>): FileRecord {
  const { paths, skipped } = event;
  const isOver = record.source.state === 'removed' || isDelivered(record);
  if (isOver && (record.byHand || skipped !== undefined || !isOwed(record, Object.keys(paths))))
    return record;
  const named = record.byHand ? record : withTargets(record, paths, mayHaveIt);
  const via = event.via === 'stream' && isUntouched(record) ? event.via : undefined;
  const changed = withOptional(withoutRemoval(named), { via, skipped });
  return sameFacts(record, changed) ? record : changed;
}

const mayHaveIt = ({ state }: Delivery): boolean => state === 'done' || state === 'committing';

/** Only of what is delivered it counts that we have removed it from the source ourselves. */
const withoutRemoval = (record: FileRecord): FileRecord =>
  record.source.state === 'removed' && !isDelivered(record)
    ? { ...record, source: { state: 'gone' } }
    : record;

/** Nothing of the file is in local storage: it may be streamed to its targets. */
const isUntouched = ({ copy, via }: FileRecord) =>
  via === 'stream' || copy.state === 'none' || copy.state === 'evicted';

const sameFacts = (a: FileRecord, b: FileRecord): boolean =>
  a.via === b.via &&
  a.skipped === b.skipped &&
  sameDeliveries(a.targets, b.targets) &&
  sameDeliveries(a.former, b.former);

// ---- events of the Downloader ---------------------------------------------------------------------------

function fetchFailed(
  record: FileRecord,
  { reason, outcome }: Extract<FileEvent, { type: 'FetchFailed' }>,
): FileRecord {
  const failures = reason === '' ? record.failures : (record.failures ?? 0) + 1;
  const rested = { ...record, copy: copyAtRest(record) };
  // The reason for which a person has given it up stays when its transfer ends.
  const why = reason || (record.givenUp ? record.reason : undefined);
  const changed = endOfRestore(withOptional(rested, { reason: why, failures }), outcome);
  if (outcome === 'gone') return { ...changed, source: { state: 'gone' } };
  return outcome === 'failed' && !isDelivered(record) ? { ...changed, givenUp: true } : changed;
}

/** A delivered file whose local copy cannot be fetched again stays delivered. */
const endOfRestore = (record: FileRecord, outcome: 'retry' | 'failed' | 'gone'): FileRecord =>
  outcome === 'retry' ? record : without(record, 'restore');

/** A partial copy without a checkpoint is not resumed; where the hash is known, the finished copy may exist. */
function copyAtRest({ copy, sha256 }: FileRecord): LocalCopy {
  if (copy.state !== 'fetching' && copy.state !== 'partial') return copy;
  return copy.checkpoint || sha256 !== undefined ? { ...copy, state: 'partial' } : { state: 'none' };
}

/** The hash is kept if a target has the file: what is fetched next must be the same bytes. */
const dropUnheldHash = (record: FileRecord): FileRecord =>
  isHeld(record) ? record : without(record, 'sha256', 'proof');

function notRecovered(record: FileRecord): FileRecord {
  const changed = dropUnheldHash(record);
  return { ...changed, copy: changed.sha256 === undefined ? copyAtRest(changed) : { state: 'none' } };
}

function mismatched(record: FileRecord, { reason }: { readonly reason: string }): FileRecord {
  const mismatches = (record.mismatches ?? 0) + 1;
  const failures = (record.failures ?? 0) + 1;
  const changed: FileRecord = { ...dropUnheldHash(record), copy: { state: 'none' }, mismatches, failures };
  if (mismatches < MAX_MISMATCHES) return { ...changed, reason };
  if (isDelivered(record)) return { ...endOfRestore(changed, 'failed'), reason };
  const remedy = 'check the link and the card, then `filesync retry` fetches it again';
  return { ...changed, givenUp: true, reason: `${reason}, ${mismatches} times: ${remedy}` };
}

function copyLost(record: FileRecord, { reason }: { readonly reason: string }): FileRecord {
  const changed: FileRecord = { ...record, reason, copy: { state: 'none' }, lost: (record.lost ?? 0) + 1 };
  return withDeliveries(changed, one => (one.state === 'sending' ? toPending(one) : one));
}

function recognised(record: FileRecord, event: Extract<FileEvent, { type: 'Recognised' }>): FileRecord {
  const { targets } = event.earlier;
  const entries = Object.entries(record.targets).map(([name, own]): [string, Delivery] => {
    const theirs = targets[name];
    return [name, theirs?.state === 'done' && isOpen(own) ? theirs : own];
  });
  const changed = digested(without(record, 'like', 'reason'), event);
  return { ...changed, copy: { state: 'none' }, targets: Object.fromEntries(entries) };
}

function digested(record: FileRecord, { sha256, proof }: Digested): FileRecord {
  return sha256 === undefined ? record : withOptional({ ...record, sha256 }, { proof });
}

// ---- events of the Uploader -----------------------------------------------------------------------------

/** A finished delivery stays done although another attempt is under way. */
function withBegunDelivery(
  record: FileRecord,
  { target, path, ...event }: { readonly target: string; readonly path: string } & Digested,
  state: Delivery['state'],
): FileRecord {
  const delivery = deliveryTo(record, target);
  if (delivery?.state === 'done') return record;
  const failures = failuresOf(delivery);
  return withDelivery(digested(record, event), target, { state, path, tried: true, ...failures });
}

/** An attempt that had begun to commit and ended without an answer stays `committing`: the target may have the file. */
function deliveryFailed(
  record: FileRecord,
  { target, reason, outcome, unanswered }: Extract<FileEvent, { type: 'DeliveryFailed' }>,
  { at }: Moment,
): FileRecord {
  const key = record.targets[target] ? 'targets' : 'former';
  const delivery = record[key]?.[target];
  if (!delivery) return record;
  const doubtful = unanswered && delivery.state === 'committing' && outcome === 'retry';
  const state = outcome === 'failed' ? 'failed' : doubtful ? 'committing' : 'pending';
  const failed = reason && { reason, failures: (delivery.failures ?? 0) + 1, at };
  return { ...record, [key]: { ...record[key], [target]: { ...toPending(delivery), state, ...failed } } };
}

/** The next attempt asks the target first, and takes another name if one with other bytes has that of the file. */
function deliveryLost(
  record: FileRecord,
  { target, reason }: Extract<FileEvent, { type: 'DeliveryLost' }>,
): FileRecord {
  const delivery = record.targets[target];
  if (!delivery) return record;
  return withoutRemoval(withDelivery(record, target, { ...toPending(delivery), reason }));
}

// ---- events of people -----------------------------------------------------------------------------------

function edited(record: FileRecord, { edit }: { readonly edit: Edit }): FileRecord {
  const { description, targets, state, reason } = edit;
  const described = description === undefined ? record : { ...record, description };
  const named = targets && Object.fromEntries(targets.map(name => [name, undefined]));
  const chosen: FileRecord = named ? { ...withTargets(described, named), byHand: true } : described;
  return state === undefined ? chosen : withState(chosen, state, reason);
}

function withState(record: FileRecord, state: FileState, reason = GIVEN_UP): FileRecord {
  const fresh = without(record, 'givenUp', 'mismatches', 'reason', 'removal');
  if (state === FileState.FAILED) {
    const giveUp = (one: Delivery): Delivery =>
      one.state === 'pending' ? { ...one, state: 'failed', reason } : one;
    return { ...withDeliveries(fresh, giveUp), givenUp: true, reason };
  }
  if (state === FileState.DOWNLOADED) return withDeliveries(fresh, toPending);
  const open = withDeliveries(fresh, one => (one.state === 'done' ? one : toPending(one)));
  // The local copy is checked before the source is asked, which may not have the file any more.
  const copy: LocalCopy = { state: hasLocalCopy(record) && record.sha256 !== undefined ? 'partial' : 'none' };
  return { ...open, source: { state: 'present' }, copy };
}

// ---- events of the process ------------------------------------------------------------------------------

/**
 * The record of a process that died, with nothing under way. A download resumes from its checkpoint; an upload that had not
 * begun to commit is repeated, after asking the target where that is possible; an upload that had stays `committing`.
 */
function restarted(record: FileRecord): FileRecord {
  const rested = record.copy.state === 'fetching' ? { ...record, copy: copyAtRest(record) } : record;
  return without(
    withDeliveries(rested, one => interrupted(record, one), ['targets', 'former']),
    'removal',
  );
}

/** `tried`: the target is asked, because the end of the attempt was not recorded. */
function interrupted({ sha256, via }: FileRecord, delivery: Delivery): Delivery {
  if (delivery.state === 'sending') return toPending(delivery);
  const mayBeTried = delivery.path !== undefined && (sha256 !== undefined || via === 'stream');
  return delivery.state === 'pending' && mayBeTried && !delivery.tried
    ? { ...delivery, tried: true }
    : delivery;
}

/**
 * Times that the wrong clock has written are shifted by `delta`: they lie between `since` and the time at which the clock was
 * set. Of a delivery in an earlier boot only the order is known.
 */
function clockSet(
  record: FileRecord,
  { delta, since }: Extract<FileEvent, { type: 'ClockSet' }>,
  now: Moment,
): FileRecord {
  const moved = (at: number): number => (at >= since && at <= now.at - delta ? at + delta : at);
  const { delivered } = record;
  const entries = TIMES.flatMap(key => (record[key] === undefined ? [] : [[key, moved(record[key])]]));
  const shifted = { ...record, ...(Object.fromEntries(entries) as Partial<FileRecord>) };
  const corrected = (one: Delivery): Delivery => (one.at === undefined ? one : { ...one, at: moved(one.at) });
  const changed = withDeliveries(shifted, corrected, ['targets', 'former']);
  if (!delivered || delivered.synced || !now.synced) return changed;
  const up = delivered.boot === now.boot ? delivered.up : 0;
  return { ...changed, delivered: { ...now, up, at: now.at - (now.up - up) } };
}

// ---- helpers --------------------------------------------------------------------------------------------

const TIMES = ['foundAt', 'fetchedAt', 'removedAt', 'updatedAt'] as const;
