import { FileState } from '../ports.js';
import type { Delivery, FileRecord, LocalCopy, Moment, SourceFile } from '../ports.js';
import type { Digested, Edit, FileEvent } from './events.js';
import { isHeld } from './other-bytes.js';
import { hasLocalCopy, isDelivered, isOpen } from './state.js';

/** So often what arrives may differ from what the source says it holds, before the file is given up. */
const MAX_MISMATCHES = 3;
const GIVEN_UP = 'given up by hand';

/**
 * The record after the event: the only place where facts about files change. An event that says nothing new, or comes too
 * late to be true, gives the same object. Only `Found` makes a record.
 */
export function apply(record: FileRecord | undefined, event: FileEvent, now: Moment): FileRecord | undefined {
  if (!record) return event.type === 'Found' ? event.record : undefined;
  if (comesTooLate(record, event)) return record;
  const changed = changedBy(record, event, now);
  return changed === record ? record : { ...settled(changed, now), updatedAt: now.at };
}

/** A file that has just been found: nothing of it is here, and each target waits for it under the name in `paths`. */
export function newRecord(
  found: SourceFile & Pick<FileRecord, 'id' | 'device' | 'local' | 'description' | 'foundAt'>,
  paths: Readonly<Record<string, string>>,
): FileRecord {
  const targets = Object.entries(paths).map(([name, path]) => [name, { state: 'pending' as const, path }]);
  return {
    ...{ ...found, updatedAt: found.foundAt, targets: Object.fromEntries(targets) as FileRecord['targets'] },
    ...{ source: { state: 'present' }, copy: { state: 'none' } },
  };
}

type Guards = {
  readonly [Type in FileEvent['type']]?: (
    record: FileRecord,
    event: Extract<FileEvent, { type: Type }>,
  ) => boolean;
};

const isHere = (record: FileRecord): boolean => hasLocalCopy(record) || isDelivered(record);
const isClosed = ({ targets }: FileRecord, { target }: { readonly target: string }): boolean =>
  targets[target] !== undefined && !isOpen(targets[target]);

/** What an act says comes too late if the record has learned better since: a whole copy and a delivery are not taken back. */
const TOO_LATE: Guards = {
  ...{ FetchBegan: isHere, Checkpointed: isHere, Hashed: isHere, FetchFailed: isHere, Mismatched: isHere },
  ...{
    CopyLost: record => !hasLocalCopy(record),
    Evicted: ({ copy }) => copy.state !== 'whole' && copy.state !== 'none',
  },
  ...{ DeliveryBegan: isClosed, Committing: isClosed, DeliveryFailed: isClosed },
  Delivered: ({ targets }, { target }) => targets[target]?.state === 'done',
  Edited: ({ source }, { edit }) => source.state === 'removed' && edit.state !== undefined,
};

function comesTooLate(record: FileRecord, event: FileEvent): boolean {
  const guard = TOO_LATE[event.type] as ((record: FileRecord, event: FileEvent) => boolean) | undefined;
  return guard?.(record, event) ?? false;
}

// One branch an event, nothing else: a table would only hide which facts an event brings.
// eslint-disable-next-line complexity, max-lines-per-function
function changedBy(record: FileRecord, event: FileEvent, now: Moment): FileRecord {
  switch (event.type) {
    case 'Found':
      return record;
    case 'SeenAgain':
      return seenAgain(record);
    case 'Gone':
      return gone(record);
    case 'Planned':
      return planned(record, event);
    case 'FetchBegan':
      return {
        ...without(record, 'reason'),
        local: event.local,
        copy: { ...record.copy, state: 'fetching' },
      };
    case 'Checkpointed':
      return { ...record, copy: { state: 'fetching', checkpoint: event.checkpoint } };
    case 'Hashed':
      return { ...digested(record, event), local: event.local };
    case 'Fetched':
      return {
        ...without(record, 'reason', 'mismatches', 'givenUp'),
        copy: { state: 'whole' },
      };
    case 'NotRecovered':
      return notRecovered(record);
    case 'FetchFailed':
      return fetchFailed(record, event);
    case 'Mismatched':
      return mismatched(record, event.reason);
    case 'CopyLost':
      return copyLost(record, event.reason);
    case 'Recognised':
      return recognised(record, event);
    case 'Distinguished':
      return without(record, 'like');
    case 'DeliveryBegan':
      return begun(record, event, { state: 'sending', path: event.path, tried: true });
    case 'Committing':
      return begun(record, event, { state: 'committing', path: event.path, tried: true });
    case 'Delivered':
      return withDelivery(digested(record, event), event.target, {
        ...{ state: 'done', path: event.path, ...event.receipt },
      });
    case 'DeliveryFailed':
      return deliveryFailed(record, event);
    case 'Removed':
      // Who asked for it again meanwhile gets no other bytes from there.
      return {
        ...without(record, 'reason', 'removal'),
        source: { state: isDelivered(record) ? 'removed' : 'gone' },
      };
    case 'RemovalFailed':
      return {
        ...record,
        reason: `not removed from the source: ${event.reason}`,
        ...(event.outcome === 'gave up' && { removal: 'refused' }),
      };
    case 'Evicted':
      return { ...record, copy: { state: isDelivered(record) ? 'evicted' : 'none' } };
    case 'Retried':
      return withDeliveries(without(record, 'givenUp', 'mismatches', 'reason'), one =>
        one.state === 'failed' ? reopened(one) : one,
      );
    case 'Edited':
      return edited(record, event.edit);
    case 'Asked':
      return { ...without(record, 'skipped'), asked: true };
    case 'Prioritised':
      return { ...record, first: event.first };
    case 'Restarted':
      return restarted(record);
    case 'ClockSet':
      return clockSet(record, event, now);
  }
}

/** Notes when the last target got it: every age is counted from there. */
function settled(record: FileRecord, now: Moment): FileRecord {
  if (isDelivered(record)) return record.delivered ? record : { ...without(record, 'like'), delivered: now };
  return without(record, 'delivered');
}

// ---- what the Finder says -------------------------------------------------------------------------------

/** What had arrived of it is not continued: nobody knows whether it is still the same file. */
function seenAgain(record: FileRecord): FileRecord {
  if (record.source.state !== 'gone') return record;
  const copy: LocalCopy = hasLocalCopy(record) ? record.copy : { state: 'none' };
  const seen = record.givenUp ? record : without(record, 'reason');
  return { ...seen, source: { state: 'present' }, copy };
}

function gone(record: FileRecord): FileRecord {
  if (record.source.state !== 'present') return record;
  const changed: FileRecord = { ...record, source: { state: 'gone' } };
  if (isDelivered(record) || hasLocalCopy(record) || record.givenUp) return changed;
  return { ...changed, reason: 'gone from the source, or another file by now, before it was fetched' };
}

// ---- what the rules say ---------------------------------------------------------------------------------

/** A delivered file gets no further target. What a target has, or may have, stays known; what it only waited for goes. */
function planned(record: FileRecord, event: Extract<FileEvent, { type: 'Planned' }>): FileRecord {
  if (record.source.state === 'removed' || isDelivered(record)) return record;
  const targets = record.byHand ? record.targets : plannedTargets(record, event.paths);
  const via = event.via === 'stream' && isUntouched(record) ? event.via : undefined;
  const changed = withOptional({ ...record, targets }, { via, skipped: event.skipped });
  return sameFacts(record, changed) ? record : changed;
}

function plannedTargets(
  { targets }: FileRecord,
  paths: Readonly<Record<string, string | undefined>>,
): FileRecord['targets'] {
  const held = Object.entries(targets).filter(
    ([name, { state }]) => !(name in paths) && (state === 'done' || state === 'committing'),
  );
  const wanted = Object.entries(paths).map(([name, path]): [string, Delivery] => [
    name,
    targets[name] ?? { state: 'pending', ...(path !== undefined && { path }) },
  ]);
  return Object.fromEntries([...held, ...wanted]);
}

/** Nothing of it is, or was, in local storage: it may go straight to its targets. */
const isUntouched = ({ copy, via }: FileRecord) =>
  via === 'stream' || copy.state === 'none' || copy.state === 'evicted';

function sameFacts(a: FileRecord, b: FileRecord): boolean {
  const names = Object.keys(b.targets);
  return (
    a.via === b.via &&
    a.skipped === b.skipped &&
    names.length === Object.keys(a.targets).length &&
    names.every(name => a.targets[name] === b.targets[name])
  );
}

// ---- what the Downloader says ---------------------------------------------------------------------------

function fetchFailed(
  record: FileRecord,
  { reason, outcome }: Extract<FileEvent, { type: 'FetchFailed' }>,
): FileRecord {
  const changed = withOptional({ ...record, copy: copyAtRest(record) }, { reason: reason || undefined });
  if (outcome === 'gone') return { ...changed, source: { state: 'gone' } };
  return outcome === 'gave up' ? { ...changed, givenUp: true } : changed;
}

/** What nothing vouches for is not continued; of a file whose hash is known the finished copy may be there. */
function copyAtRest({ copy, sha256 }: FileRecord): LocalCopy {
  if (copy.state !== 'fetching' && copy.state !== 'partial') return copy;
  return copy.checkpoint || sha256 !== undefined ? { ...copy, state: 'partial' } : { state: 'none' };
}

/** What a target has keeps its hash: whatever is fetched next must be the same. */
const unheld = (record: FileRecord): FileRecord =>
  isHeld(record) ? record : without(record, 'sha256', 'proof');

function notRecovered(record: FileRecord): FileRecord {
  const changed = unheld(record);
  return { ...changed, copy: changed.sha256 === undefined ? copyAtRest(changed) : { state: 'none' } };
}

function mismatched(record: FileRecord, reason: string): FileRecord {
  const mismatches = (record.mismatches ?? 0) + 1;
  const changed: FileRecord = { ...unheld(record), copy: { state: 'none' }, mismatches };
  if (mismatches < MAX_MISMATCHES) return { ...changed, reason };
  const remedy = 'check the link and the card, then `filesync retry` fetches it again';
  return { ...changed, givenUp: true, reason: `${reason}, ${mismatches} times: ${remedy}` };
}

function copyLost(record: FileRecord, reason: string): FileRecord {
  const changed: FileRecord = { ...record, reason, copy: { state: 'none' }, lost: (record.lost ?? 0) + 1 };
  return withDeliveries(changed, one => (one.state === 'sending' ? reopened(one) : one));
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

// ---- what the Uploader says -----------------------------------------------------------------------------

function withDelivery(record: FileRecord, target: string, delivery: Delivery): FileRecord {
  return { ...record, targets: { ...record.targets, [target]: delivery } };
}

/** What a target has stays delivered, whatever is still on its way there. */
function begun(
  record: FileRecord,
  { target, ...event }: { readonly target: string } & Digested,
  delivery: Delivery,
): FileRecord {
  if (record.targets[target]?.state === 'done') return record;
  return withDelivery(digested(record, event), target, delivery);
}

function withDeliveries(record: FileRecord, change: (one: Delivery) => Delivery): FileRecord {
  const entries = Object.entries(record.targets).map(([name, one]) => [name, change(one)] as const);
  return { ...record, targets: Object.fromEntries(entries) };
}

const reopened = ({ path }: Delivery): Delivery => ({
  ...{ state: 'pending', tried: true },
  ...(path !== undefined && { path }),
});

/** An attempt that had begun to commit and ended without any answer stays `committing`: the doubt is not forgotten. */
function deliveryFailed(
  record: FileRecord,
  { target, reason, outcome, unanswered }: Extract<FileEvent, { type: 'DeliveryFailed' }>,
): FileRecord {
  const delivery = record.targets[target];
  if (!delivery) return record;
  const doubtful = unanswered && delivery.state === 'committing' && outcome === 'again';
  const state = outcome === 'gave up' ? 'failed' : doubtful ? 'committing' : 'pending';
  return withDelivery(record, target, { ...reopened(delivery), state, ...(reason && { reason }) });
}

// ---- what people say ------------------------------------------------------------------------------------

function edited(record: FileRecord, { description, targets, state }: Edit): FileRecord {
  const described = description === undefined ? record : { ...record, description };
  const chosen: FileRecord = targets
    ? {
        ...described,
        targets: Object.fromEntries(
          targets.map(name => [name, record.targets[name] ?? { state: 'pending' }]),
        ),
        byHand: true,
      }
    : described;
  return state === undefined ? chosen : withState(chosen, state);
}

function withState(record: FileRecord, state: FileState): FileRecord {
  const fresh = without(record, 'givenUp', 'mismatches', 'reason', 'removal');
  if (state === FileState.FAILED) {
    const giveUp = (one: Delivery): Delivery =>
      one.state === 'pending' ? { ...one, state: 'failed', reason: GIVEN_UP } : one;
    return { ...withDeliveries(fresh, giveUp), givenUp: true, reason: GIVEN_UP };
  }
  if (state === FileState.DOWNLOADED) return withDeliveries(fresh, reopened);
  const open = withDeliveries(fresh, one => (one.state === 'done' ? one : reopened(one)));
  // A whole copy of it is looked for before its source is asked: that may not have the file any more.
  const copy: LocalCopy = { state: hasLocalCopy(record) && record.sha256 !== undefined ? 'partial' : 'none' };
  return { ...open, source: { state: 'present' }, copy };
}

// ---- what the process says ------------------------------------------------------------------------------

/**
 * What a process that died left behind, at rest. A download goes on from its checkpoint; an upload that had not begun to
 * commit is made again, where the target can tell with asking it; one that had stays `committing`.
 */
function restarted(record: FileRecord): FileRecord {
  const rested = record.copy.state === 'fetching' ? { ...record, copy: copyAtRest(record) } : record;
  const targets = Object.entries(record.targets).map(
    ([name, one]) => [name, interrupted(record, one)] as const,
  );
  const changed = targets.some(([name, one]) => one !== record.targets[name]);
  return without(changed ? { ...rested, targets: Object.fromEntries(targets) } : rested, 'removal');
}

/** Of an attempt whose end was not recorded the target is asked. */
function interrupted({ sha256, via }: FileRecord, delivery: Delivery): Delivery {
  if (delivery.state === 'sending') return reopened(delivery);
  const mayBeTried = delivery.path !== undefined && (sha256 !== undefined || via === 'stream');
  return delivery.state === 'pending' && mayBeTried && !delivery.tried
    ? { ...delivery, tried: true }
    : delivery;
}

/**
 * Times that the wrong clock has written are moved with it: they lie between `since` and what it showed when it was set. Of a
 * delivery in an earlier boot only its being earlier is known.
 */
function clockSet(
  record: FileRecord,
  { delta, since }: Extract<FileEvent, { type: 'ClockSet' }>,
  now: Moment,
): FileRecord {
  const moved = (at: number): number => (at >= since && at <= now.at - delta ? at + delta : at);
  const { delivered } = record;
  const changed = { ...record, foundAt: moved(record.foundAt), updatedAt: moved(record.updatedAt) };
  if (!delivered || delivered.synced || !now.synced) return changed;
  const up = delivered.boot === now.boot ? delivered.up : 0;
  return { ...changed, delivered: { ...now, up, at: now.at - (now.up - up) } };
}

// ---- helpers --------------------------------------------------------------------------------------------

type Optional = 'reason' | 'via' | 'skipped' | 'proof';

/** The record with these fields, and without those that are undefined. */
function withOptional(record: FileRecord, fields: Partial<Record<Optional, unknown>>): FileRecord {
  const entries = Object.entries({ ...record, ...fields }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as FileRecord;
}

function without(record: FileRecord, ...keys: (keyof FileRecord)[]): FileRecord {
  if (keys.every(key => record[key] === undefined)) return record;
  const copy: Partial<Record<keyof FileRecord, unknown>> = { ...record };
  for (const key of keys) delete copy[key];
  return copy as FileRecord;
}
