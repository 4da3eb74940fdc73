import type { FileSyncError } from '../errors.js';
import { FileState, type Checkpoint, type Delivery, type FileRecord, type LogLevel } from '../ports.js';

const NAMES = new Map<FileState, string>(Object.entries(FileState).map(([name, state]) => [state, name]));

/** The state's name as users read it: `FOUND`, `DOWNLOADED` … */
export function stateName(state: FileState): string {
  return NAMES.get(state) ?? String(state);
}

/** The state of that name or number, in any case; undefined if there is none. */
export function parseState(text: string): FileState | undefined {
  const wanted = text.toUpperCase();
  return [...NAMES].find(([state, name]) => name === wanted || String(state) === wanted)?.[0];
}

/** The contract's state of a file: derived from its facts, never stored. */
export function stateOf(record: FileRecord): FileState {
  const deliveries = Object.values(record.targets);
  if (record.source.state === 'removed') return FileState.REMOVED;
  if (record.givenUp) return FileState.FAILED;
  if (deliveries.length > 0 && !deliveries.some(isOpen))
    return deliveries.some(({ state }) => state === 'failed') ? FileState.FAILED : FileState.UPLOADED;
  return unfinishedState(record, deliveries);
}

function unfinishedState(record: FileRecord, deliveries: readonly Delivery[]): FileState {
  const has = (...states: Delivery['state'][]) => deliveries.some(({ state }) => states.includes(state));
  if (record.copy.state === 'fetching') return FileState.DOWNLOADING;
  if (has('sending')) return FileState.UPLOADING;
  if (record.source.state === 'gone' && !hasLocalCopy(record)) return FileState.VANISHED;
  if (record.skipped !== undefined) return FileState.SKIPPED;
  // After those: a delivery may stay `committing` for good after a crash, and nothing is under way then.
  if (has('committing')) return FileState.UPLOADING;
  if (has('done')) return FileState.PARTIAL;
  return hasLocalCopy(record) ? FileState.DOWNLOADED : FileState.FOUND;
}

/** A finished copy is in local storage. */
export const hasLocalCopy = ({ copy }: FileRecord): boolean => copy.state === 'whole';

/** The source or local storage has the file. */
export const hasBytes = (record: FileRecord): boolean =>
  record.source.state === 'present' || hasLocalCopy(record);

/** Neither done nor failed. */
export const isOpen = ({ state }: Delivery): boolean => state !== 'done' && state !== 'failed';

/** Targets that the file will not get to before a person asks again, in order. */
export function failedTargets({ targets }: FileRecord): string[] {
  return Object.keys(targets).filter(name => targets[name]?.state === 'failed');
}

/** Targets that wait for the file, in order. */
export function openTargets({ targets }: FileRecord): string[] {
  return Object.keys(targets).filter(name => isOpen(targets[name] as Delivery));
}

/** Every target has the file. */
export function isDelivered({ targets }: FileRecord): boolean {
  const deliveries = Object.values(targets);
  return deliveries.length > 0 && deliveries.every(({ state }) => state === 'done');
}

/** A delivered file has no further target, other than one that it was owed. */
export const followsRules = (record: FileRecord): boolean =>
  !isDelivered(record) || record.former !== undefined;

/** The lost local copy of a delivered file is to be fetched again. */
export const isCopyWanted = (record: FileRecord): boolean =>
  record.restore === true &&
  record.source.state === 'present' &&
  isDelivered(record) &&
  !hasLocalCopy(record);

/** The local copy of a delivered file is not kept, by what its rule or a person says. */
export const isCopyUnwanted = (record: FileRecord, { kind }: { readonly kind: string }): boolean =>
  hasLocalCopy(record) && (record.evict === true || kind !== 'keep');

/** The file still has to be fetched or delivered, or has failed. */
export function isUnfinished(record: FileRecord): boolean {
  const { UPLOADED, REMOVED, VANISHED, SKIPPED } = FileState;
  return !([UPLOADED, REMOVED, VANISHED, SKIPPED] as FileState[]).includes(stateOf(record));
}

/** Why a file is FAILED, SKIPPED or VANISHED, or why the last attempts failed: one sentence for each; empty if nothing is wrong. */
export function reasonOf(record: FileRecord): string {
  const ofTargets = Object.entries(record.targets).flatMap(([name, { reason }]) =>
    reason === undefined ? [] : [`${name}: ${reason}`],
  );
  const own = record.reason ?? reasonOfState(record);
  return [...(own === undefined ? [] : [own]), ...ofTargets].join('; ');
}

/** The reason of a failed attempt in the record; empty if the attempt was only stopped. */
export function reasonFor(error: FileSyncError): string {
  return error.kind === 'cancelled' && error.message === 'cancelled' ? '' : error.message;
}

function reasonOfState(record: FileRecord): string | undefined {
  const state = stateOf(record);
  if (state === FileState.VANISHED) return 'gone from the source, and no local copy is left';
  return state === FileState.SKIPPED ? record.skipped : undefined;
}

/** Of the log line of a failed attempt. */
export function levelOf({ reported }: FileSyncError, isFinal: boolean): LogLevel {
  return isFinal ? 'error' : reported ? 'debug' : 'warn';
}

/** The next attempt, for a log line. */
export function nextOf(isFinal: boolean, last: boolean): string {
  return isFinal ? 'failed, no further attempt' : last ? 'left for the next run' : 'will retry';
}

/** The checkpoint of an unfinished copy; undefined: it cannot be resumed. */
export const checkpointOf = ({ copy }: FileRecord): Checkpoint | undefined =>
  'checkpoint' in copy ? copy.checkpoint : undefined;
