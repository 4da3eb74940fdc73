import {
  failedTargets,
  hasBytes,
  hasLocalCopy,
  isDelivered,
  isOpen,
  stateName,
  stateOf,
} from '../record/state.js';
import type { Edit } from '../record/events.js';
import { FileState, type FileRecord } from '../ports.js';

const { FOUND, DOWNLOADING, DOWNLOADED, UPLOADING, PARTIAL, FAILED, VANISHED, UPLOADED, REMOVED, SKIPPED } =
  FileState;
const NOTHING_LEFT = 'there is nothing left to deliver';

/** For each state that can be set: the states from which. Files in transfer are not changed. */
const POSSIBLE: ReadonlyMap<FileState, readonly FileState[]> = new Map([
  [FOUND, [FOUND, DOWNLOADED, PARTIAL, FAILED, VANISHED]],
  [DOWNLOADED, [DOWNLOADED, PARTIAL, FAILED, UPLOADED]],
  [FAILED, [FOUND, DOWNLOADED, PARTIAL, FAILED]],
]);

/** Why an edit is refused; undefined if it may be made. `isTarget`: the device is a target of a rule. */
export function refusalOf(
  record: FileRecord,
  edit: Edit,
  isTarget: (device: string) => boolean,
): string | undefined {
  const ofTargets = edit.targets && targetsRefusal(record, edit.targets, isTarget);
  return ofTargets ?? (edit.state === undefined ? undefined : stateRefusal(record, edit.state));
}

function targetsRefusal(
  record: FileRecord,
  wanted: readonly string[],
  isTarget: (device: string) => boolean,
): string | undefined {
  const state = stateOf(record);
  if (state === REMOVED || !hasBytes(record)) return `it is ${stateName(state)}; ${NOTHING_LEFT}`;
  const unknown = wanted.find(name => !record.targets[name] && !isTarget(name));
  if (unknown !== undefined) return `${unknown} is not a target of any rule in the configuration`;
  const held = Object.entries(record.targets).find(
    ([name, delivery]) =>
      !wanted.includes(name) && delivery.state !== 'pending' && delivery.state !== 'failed',
  );
  if (held) return `${held[0]} has the file or is getting it; that target must stay`;
  return wanted.length === 0 ? 'a file needs a target; set state FAILED to stop its delivery' : undefined;
}

function stateRefusal(record: FileRecord, wanted: FileState): string | undefined {
  const possible = POSSIBLE.get(wanted);
  if (!possible)
    return `no file can be made ${stateName(wanted)}; only FOUND, DOWNLOADED or FAILED can be set`;
  const state = stateOf(record);
  if (possible.includes(state)) return lossRefusal(record, wanted);
  const names = possible.map(stateName).join(', ');
  return `it is ${stateName(state)}; ${stateName(wanted)} can be set on files that are ${names}`;
}

/** Where the source no longer has the file, deliveries are not undone, and the only copy is not dropped. */
function lossRefusal(record: FileRecord, wanted: FileState): string | undefined {
  if (wanted === DOWNLOADED && !hasBytes(record))
    return `neither ${record.device} nor local storage has it any more; ${NOTHING_LEFT}`;
  if (wanted === FOUND && record.source.state !== 'present' && hasLocalCopy(record))
    return `${record.device} does not have it any more; DOWNLOADED delivers the local copy again`;
  return undefined;
}

/** Why a file cannot be retried; undefined if it can. */
export function retryRefusal(record: FileRecord): string | undefined {
  const state = stateOf(record);
  if (state === FAILED || failedTargets(record).length > 0) return undefined;
  return `it is ${stateName(state)}; only FAILED files and failed deliveries can be retried`;
}

/** Why a file cannot be fetched on request; undefined if it can. */
export function fetchRefusal(record: FileRecord): string | undefined {
  const state = stateOf(record);
  if (waitsToBeAsked(record)) return undefined;
  if (state !== SKIPPED) return `it is ${stateName(state)}; only SKIPPED files can be fetched on request`;
  if (Object.values(record.targets).some(isOpen)) return undefined;
  return 'no rule names a target for it; add one to the configuration';
}

/** Targets of a rule that does not select the file get it when it is asked for. */
const waitsToBeAsked = (record: FileRecord): boolean =>
  !record.asked && !record.byHand && hasBytes(record) && Object.values(record.former ?? {}).some(isOpen);

/** The reason of a cancelled file, with what a person can do. */
export const CANCELLED = 'cancelled (`filesync retry` resumes it)';

/** Why there is nothing to cancel; undefined if there is. */
export function cancelRefusal(record: FileRecord): string | undefined {
  const state = stateOf(record);
  if (CANCELLABLE.has(state)) return undefined;
  return `it is ${stateName(state)}; nothing of it is under way or waits`;
}

const CANCELLABLE: ReadonlySet<FileState> = new Set([FOUND, DOWNLOADING, DOWNLOADED, UPLOADING, PARTIAL]);

/** Why the local copy may not go; undefined if it may. */
export function evictRefusal(record: FileRecord): string | undefined {
  if (!hasLocalCopy(record)) return `it is ${stateName(stateOf(record))}; there is no local copy of it`;
  if (isDelivered(record)) return undefined;
  const without = Object.entries(record.targets).filter(([, { state }]) => state !== 'done');
  const names = without.map(([name]) => name).join(', ');
  return `it is ${stateName(stateOf(record))}; ${names === '' ? 'no target has it' : `${names} has not got it yet`}`;
}

/** Why there is nothing to move to the front; undefined if there is. */
export function firstRefusal(record: FileRecord): string | undefined {
  const state = stateOf(record);
  const isWaiting = Object.values(record.targets).some(isOpen) && state !== SKIPPED && state !== FAILED;
  return isWaiting && hasBytes(record)
    ? undefined
    : `it is ${stateName(state)}; nothing of it waits in a queue`;
}
