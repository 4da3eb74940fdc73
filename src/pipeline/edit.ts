import { FileState, type Delivery, type FileRecord } from '../ports.js';
import { restingState, withReason } from './record.js';
import { stateName } from './state-name.js';

/** What a person wants a record to be. */
export interface Edit {
  /** FOUND: fetch it again; DOWNLOADED: deliver it again to every target, fetched again if no local copy is left; FAILED: give up. */
  readonly state?: FileState;
  readonly description?: string;
  /** All targets that it shall have, by device name. */
  readonly targets?: readonly string[];
}

type Edited = FileRecord | string;

const GIVEN_UP = 'given up by hand';

/**
 * The record as it is after the edit, or why the edit is refused. `isTarget` tells which devices can be delivered to. Nothing that
 * moves now is touched, and nothing is called delivered that no target has confirmed.
 */
export function edited(record: FileRecord, edit: Edit, isTarget: (device: string) => boolean): Edited {
  const described = edit.description === undefined ? record : { ...record, description: edit.description };
  const targeted = edit.targets ? withTargets(described, edit.targets, isTarget) : described;
  if (edit.state === undefined || typeof targeted === 'string') return targeted;
  return withState(targeted, edit.state);
}

function withTargets(
  record: FileRecord,
  wanted: readonly string[],
  isTarget: (device: string) => boolean,
): Edited {
  if (record.state === FileState.REMOVED || record.state === FileState.VANISHED)
    return `it is ${stateName(record.state)}; there is nothing left to deliver`;
  const unknown = wanted.find(name => !record.targets[name] && !isTarget(name));
  if (unknown !== undefined) return `${unknown} is not a target of any rule in the configuration`;
  const held = Object.entries(record.targets).find(
    ([name, { state }]) => !wanted.includes(name) && state !== 'pending' && state !== 'failed',
  );
  if (held) return `${held[0]} has the file or is getting it; that target must stay`;
  if (wanted.length === 0) return 'a file needs a target; state FAILED gives it up';
  const targets = Object.fromEntries(wanted.map(name => [name, record.targets[name] ?? PENDING]));
  return atRest({ ...record, targets });
}

const PENDING: Delivery = { state: 'pending' };

/** What is not fetched yet, or gave up, stays so; where we hold the file, or hold none of it ever, the deliveries tell its state. */
function atRest(record: FileRecord): FileRecord {
  const { state, kept, via } = record;
  const waits = state === FileState.FOUND || state === FileState.DOWNLOADING;
  if (waits || (!kept && via !== 'stream')) return record;
  return { ...record, state: restingState(record) };
}

function withState(record: FileRecord, wanted: FileState): Edited {
  const change = CHANGES.get(wanted);
  if (!change)
    return `no file can be made ${stateName(wanted)}; only FOUND, DOWNLOADED or FAILED can be asked for`;
  if (change.from.includes(record.state)) return change.make(record);
  const possible = change.from.map(stateName).join(', ');
  return `it is ${stateName(record.state)}; ${stateName(wanted)} can be asked for what is ${possible}`;
}

interface StateChange {
  readonly from: readonly FileState[];
  make(record: FileRecord): Edited;
}

const { FOUND, DOWNLOADED, PARTIAL, FAILED, VANISHED, UPLOADED } = FileState;

const CHANGES: ReadonlyMap<FileState, StateChange> = new Map([
  [FOUND, { from: [FOUND, DOWNLOADED, PARTIAL, FAILED, VANISHED], make: fetchedAgain }],
  [DOWNLOADED, { from: [DOWNLOADED, PARTIAL, FAILED, UPLOADED], make: deliveredAgain }],
  [FAILED, { from: [FOUND, DOWNLOADED, PARTIAL, FAILED], make: givenUp }],
]);

function fetchedAgain(record: FileRecord): Edited {
  return withReason(
    { ...record, ...withDeliveries(record, reopenedUnlessDone), kept: false, state: FOUND },
    '',
  );
}

function deliveredAgain(record: FileRecord): Edited {
  const state = record.kept ? DOWNLOADED : FOUND;
  return withReason({ ...record, ...withDeliveries(record, reopened), state }, '');
}

function givenUp(record: FileRecord): Edited {
  const giveUp = (one: Delivery): Delivery =>
    one.state === 'pending' ? { ...one, state: 'failed', reason: GIVEN_UP } : one;
  return withReason({ ...record, ...withDeliveries(record, giveUp), state: FAILED }, GIVEN_UP);
}

function withDeliveries(
  record: FileRecord,
  change: (one: Delivery) => Delivery,
): Pick<FileRecord, 'targets'> {
  const entries = Object.entries(record.targets).map(([name, one]) => [name, change(one)] as const);
  return { targets: Object.fromEntries(entries) };
}

const reopened = ({ path }: Delivery): Delivery => ({
  state: 'pending',
  ...(path !== undefined && { path }),
});
const reopenedUnlessDone = (one: Delivery): Delivery => (one.state === 'done' ? one : reopened(one));
