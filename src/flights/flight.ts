import { FileState, type FileRecord } from '../ports.js';
import { reasonOf, stateOf } from '../record/state.js';
import { isBeforeDelivery, type StepWait, type WaitCode } from '../record/wait.js';
import { flightFiles, type FlightFiles } from './group.js';
import { durationOf, isLog, spanOf, type Span } from './span.js';

/** Ids and links of a flight at most; there may be a hundred thousand pictures. */
export const MAX_IDS = 1000;
export const MAX_LINKS = 20;
/** Groups of missing files of a flight at most; the largest ones. */
const MAX_GROUPS = 20;

/** `incomplete`: nothing is under way, and files were skipped or have vanished. */
export type FlightState = 'complete' | 'under way' | 'failed' | 'incomplete';

/** What one target has of the files that are meant for it. */
export interface Share {
  readonly target: string;
  readonly done: number;
  readonly files: number;
  /** Web addresses, those of logs first. */
  readonly links: readonly string[];
}

/** Files of a flight that are not delivered, for the same reason. */
export interface MissingFiles {
  readonly state: FileState;
  /** What they wait for: a target, or their source. */
  readonly device: string;
  /** Undefined where they wait for nothing, or it is not known. */
  readonly code: WaitCode | undefined;
  /** Why; empty if it is not known. */
  readonly reason: string;
  /** Monotonic ms, as in a Wait. */
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly files: number;
  readonly bytes: number;
}

/** Files that belong together. */
export interface Flight {
  /** That of the file which was found first: it stays while more files are found, unless these join two flights. */
  readonly id: string;
  /** ms since the Unix epoch; undefined where no file has a possible time. */
  readonly start: number | undefined;
  /** ms, of its logs if these tell; undefined where it is not known. */
  readonly duration: number | undefined;
  /** When its first file was found. */
  readonly foundAt: number;
  /** By what its logs say; empty if they do not. */
  readonly vehicle: string;
  /** Sources, sorted. */
  readonly devices: readonly string[];
  readonly files: number;
  readonly bytes: number;
  readonly ids: readonly string[];
  readonly delivered: readonly Share[];
  readonly missing: readonly MissingFiles[];
  readonly state: FlightState;
}

/** Flights before they are described: what is needed to select and sort them. */
export interface FoundFlight extends Pick<
  Flight,
  'id' | 'start' | 'duration' | 'foundAt' | 'vehicle' | 'devices'
> {
  readonly records: readonly FileRecord[];
}

/** All flights of the records, the newest first. */
export function flightsOf(records: Iterable<FileRecord>): FoundFlight[] {
  const time = ({ start, foundAt }: FoundFlight) => start ?? foundAt;
  return flightFiles(records)
    .map(found)
    .sort((a, b) => time(b) - time(a) || (a.id < b.id ? -1 : 1));
}

function found({ vehicle, files }: FlightFiles): FoundFlight {
  const first = files.reduce((one, other) => (isFoundBefore(other, one) ? other : one));
  const devices = [...new Set(files.map(({ device }) => device))].sort();
  return { id: first.id, ...timeOf(files), foundAt: first.foundAt, vehicle, devices, records: files };
}

const isFoundBefore = (a: FileRecord, b: FileRecord): boolean =>
  a.foundAt < b.foundAt || (a.foundAt === b.foundAt && a.id < b.id);

/** The flight is as long as its logs; where these have no length, as all of its files. */
function timeOf(files: readonly FileRecord[]): Pick<Flight, 'start' | 'duration'> {
  let [logs, all]: [Span | undefined, Span | undefined] = [undefined, undefined];
  let longest = 0;
  for (const file of files) {
    const span = spanOf(file);
    all = union(all, span);
    if (isLog(file)) logs = union(logs, span);
    longest = Math.max(longest, durationOf(file.facts));
  }
  const span = logs && logs.end > logs.start ? logs : all;
  const duration = span ? span.end - span.start : longest;
  return { start: span?.start, duration: duration > 0 ? duration : undefined };
}

function union(one: Span | undefined, other: Span | undefined): Span | undefined {
  if (!one || !other) return one ?? other;
  return { start: Math.min(one.start, other.start), end: Math.max(one.end, other.end) };
}

/** All about a flight; `waits`: what the steps of a file wait for. */
export function describeFlight(
  { records, ...flight }: FoundFlight,
  waits: (record: FileRecord) => readonly StepWait[],
): Flight {
  return {
    ...flight,
    files: records.length,
    bytes: records.reduce((sum, { size }) => sum + size, 0),
    ids: records.slice(0, MAX_IDS).map(({ id }) => id),
    delivered: sharesOf(records),
    missing: missingOf(records, waits),
    state: flightState(new Set(records.map(stateOf))),
  };
}

function flightState(states: ReadonlySet<FileState>): FlightState {
  const { FAILED, SKIPPED, VANISHED, UPLOADED, REMOVED } = FileState;
  const ended: readonly FileState[] = [SKIPPED, VANISHED, UPLOADED, REMOVED];
  if (states.has(FAILED)) return 'failed';
  if ([...states].some(state => !ended.includes(state))) return 'under way';
  return states.has(SKIPPED) || states.has(VANISHED) ? 'incomplete' : 'complete';
}

function sharesOf(records: readonly FileRecord[]): Share[] {
  const shares = new Map<string, { target: string; done: number; files: number; links: string[] }>();
  const logsFirst = [...records.filter(isLog), ...records.filter(record => !isLog(record))];
  for (const record of logsFirst)
    for (const [target, { state, location = '' }] of Object.entries(record.targets)) {
      const share = shares.get(target) ?? { target, done: 0, files: 0, links: [] };
      shares.set(target, share);
      share.files += 1;
      if (state === 'done') share.done += 1;
      if (state === 'done' && isLink(location) && share.links.length < MAX_LINKS) share.links.push(location);
    }
  return [...shares.values()];
}

const isLink = (location: string): boolean => /^https?:\/\//.test(location);

type Gap = Pick<MissingFiles, 'device' | 'code' | 'reason' | 'since' | 'until'>;

/** What is not delivered, grouped by state and reason. */
function missingOf(
  records: readonly FileRecord[],
  waits: (record: FileRecord) => readonly StepWait[],
): MissingFiles[] {
  const groups = new Map<string, MissingFiles & { files: number; bytes: number }>();
  for (const record of records) {
    const state = stateOf(record);
    if (state === FileState.UPLOADED || state === FileState.REMOVED) continue;
    for (const gap of gapsOf(record, state, waits(record))) {
      const key = JSON.stringify([state, gap.device, gap.code, gap.reason]);
      const group = groups.get(key) ?? { state, ...gap, files: 0, bytes: 0 };
      groups.set(key, { ...group, files: group.files + 1, bytes: group.bytes + record.size });
    }
  }
  return [...groups.values()].sort((a, b) => b.files - a.files).slice(0, MAX_GROUPS);
}

/** Before these states end, no target is concerned. */
const AT_SOURCE: readonly FileState[] = [
  ...[FileState.FOUND, FileState.DOWNLOADING, FileState.SKIPPED, FileState.VANISHED],
];

/** Why the file is not where it is meant to be; one reason at least. */
function gapsOf(record: FileRecord, state: FileState, waits: readonly StepWait[]): Gap[] {
  const waiting = waits.filter(({ stage }) => isBeforeDelivery(stage));
  const gaps = waiting.map(({ target = record.device, code, reason, since, until }): Gap => {
    return { device: target, code, reason, since, until };
  });
  const isOwn = record.givenUp === true || AT_SOURCE.includes(state);
  if (!isOwn && waiting.every(({ target }) => target !== undefined))
    gaps.push(...deliveryGaps(record, new Set(waiting.map(({ target }) => target))));
  return gaps.length > 0 ? gaps : [reasonGap(record.device, reasonOf(record))];
}

function deliveryGaps({ targets }: FileRecord, waiting: ReadonlySet<string | undefined>): Gap[] {
  return Object.entries(targets)
    .filter(([target, { state }]) => state !== 'done' && !waiting.has(target))
    .map(([target, { reason = '' }]) => reasonGap(target, reason));
}

const reasonGap = (device: string, reason: string): Gap => ({
  ...{ device, reason, code: undefined, since: undefined, until: undefined },
});
