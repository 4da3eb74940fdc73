import type { DeviceStatus } from '../engine/devices.js';
import type { Clock, FileRecord } from '../ports.js';
import type { Transfer } from '../record/progress.js';
import { isDelivered, isUnfinished } from '../record/state.js';
import type { StepWait } from '../record/wait.js';
import { shortTime } from '../system/short-time.js';
import { formatRate, formatSize } from '../system/size.js';
import type { File, Status, TransferView, Verdict, WaitingGroup } from './schema.js';
import { deviceView, stateWord, transferView, wallTime } from './views.js';

/** Groups of waiting files in a status at most; the largest ones. */
const MAX_GROUPS = 20;

/** Files before their delivery wait in these stages; what comes after it concerns no delivery. */
const BEFORE_DELIVERY: ReadonlySet<StepWait['stage']> = new Set(['recover', 'fetch', 'deliver', 'stream']);

export interface StatusParts {
  readonly records: Iterable<FileRecord>;
  readonly devices: readonly DeviceStatus[];
  readonly transfers: readonly Transfer[];
  readonly waits: (record: FileRecord) => readonly StepWait[];
  readonly paused: boolean;
  /** Why changes cannot be written to the database now; empty while they can. */
  readonly database: string;
  /** Why the configuration was not reloaded; empty otherwise. */
  readonly configuration?: string;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
}

type Counted = Pick<Status, 'counts' | 'waiting'> & { readonly unfinished: number; readonly failed: number };

/** What is going on, and whether anything is left to do. */
export function describeStatus(
  parts: StatusParts,
): Pick<
  Status,
  'verdict' | 'counts' | 'devices' | 'transfers' | 'waiting' | 'paused' | 'database' | 'configuration'
> {
  const { clock, paused, database, configuration = '' } = parts;
  const counted = count(parts);
  const transfers = parts.transfers.map(transferView);
  const devices = parts.devices.map(device => deviceView(device, clock));
  const [{ counts, waiting }, problems] = [counted, { database, configuration }];
  const verdict = verdictOf({ ...counted, transfers, devices, paused, ...problems, now: clock.now() });
  return { verdict, paused, ...problems, devices, counts, transfers, waiting };
}

function count({ records, waits, clock }: StatusParts): Counted {
  const counts: Partial<Record<File['state'], number>> = {};
  const groups = new Map<string, WaitingGroup>();
  let [unfinished, failed] = [0, 0];
  for (const record of records) {
    const state = stateWord(record);
    counts[state] = (counts[state] ?? 0) + 1;
    if (!isUnfinished(record)) continue;
    if (state === 'FAILED') failed += 1;
    else unfinished += 1;
    for (const wait of waits(record)) addTo(groups, record, wait, clock);
  }
  const waiting = [...groups.values()].sort((a, b) => b.files - a.files).slice(0, MAX_GROUPS);
  return { counts, waiting, unfinished, failed };
}

function addTo(
  groups: Map<string, WaitingGroup>,
  record: FileRecord,
  wait: StepWait,
  clock: StatusParts['clock'],
): void {
  const { stage, target, code, reason: text } = wait;
  if (isDelivered(record) || !BEFORE_DELIVERY.has(stage)) return;
  const device = target ?? record.device;
  const key = JSON.stringify([device, stage, code, text]);
  const group = groups.get(key);
  if (!group) {
    const times = { since: wallTime(clock, wait.since), until: wallTime(clock, wait.until) };
    groups.set(key, { device, stage, code, text, ...times, files: 1, bytes: record.size });
    return;
  }
  group.files += 1;
  group.bytes += record.size;
}

interface Judged
  extends
    Pick<Status, 'counts' | 'waiting' | 'transfers' | 'devices' | 'paused' | 'database' | 'configuration'>,
    Pick<Counted, 'unfinished' | 'failed'> {
  /** ms since the Unix epoch. */
  readonly now: number;
}

/** One line for a person who asks whether everything has arrived. */
function verdictOf(judged: Judged): Verdict {
  const { unfinished, failed } = judged;
  if (judged.database !== '')
    return { code: 'ATTENTION', text: `the database: ${judged.database}`, seconds_left: null };
  if (judged.configuration !== '') return notReloaded(judged);
  const seconds = unfinished > 0 ? secondsLeft(judged) : null;
  if (failed > 0) {
    const others = unfinished > 0 ? `; ${openText(judged)}` : '';
    return { code: 'ATTENTION', text: `${failedText(failed)}${others}`, seconds_left: seconds };
  }
  if (unfinished > 0) return { code: 'WAIT', text: openText(judged), seconds_left: seconds };
  return { code: 'SAFE', text: doneText(judged), seconds_left: null };
}

/** What was changed in the configuration is not done, whatever has arrived. */
function notReloaded(judged: Judged): Verdict {
  const { text, seconds_left } = verdictOf({ ...judged, configuration: '' });
  const problem = `the configuration was not reloaded: ${judged.configuration}`;
  return { code: 'ATTENTION', text: `${problem}; with the earlier one: ${text}`, seconds_left };
}

const files = (number: number): string => (number === 1 ? '1 file' : `${number} files`);

function failedText(failed: number): string {
  return `${files(failed)} FAILED (\`filesync files --state FAILED\` says why, \`filesync retry --failed\` tries again)`;
}

/** Files are under way or wait. */
function openText({ unfinished, transfers, waiting, paused, now }: Judged): string {
  const [running, most] = [transfers[0], waiting[0]];
  const moved = running && `${transfers.length} under way: ${transferText(running)}`;
  const reason = paused ? 'paused' : most && waitText(most, now);
  const waits = unfinished - new Set(transfers.map(({ id }) => id)).size;
  const rest = waits > 0 ? `${files(waits)} wait${waits === 1 ? 's' : ''}${reason ? `: ${reason}` : ''}` : '';
  return [moved, rest].filter(Boolean).join('; ') || `${files(unfinished)} unfinished`;
}

function transferText(transfer: TransferView): string {
  const { percent, size, bytes_per_second: rate } = transfer;
  return `${wayOf(transfer)} ${Math.floor(percent)} % of ${formatSize(size)}, ${formatRate(rate)}`;
}

/** The file that is transferred: where it is fetched, or the target that it goes to. */
export const wayOf = ({ device, path, target }: TransferView): string =>
  target === '' ? `${device}:${path}` : `${path} to ${target}`;

/** Such as `archive offline since 12:31 (connection refused)`. */
export function waitText({ device, code, text, since, until }: WaitingGroup, now: number): string {
  const begun = since === null ? '' : ` since ${shortTime(since, now)}`;
  if (code === 'offline') return `${device} offline${begun} (${text})`;
  if (code === 'armed') return `${device}: ${text}${begun}`;
  return `${device}: ${text}${until === null ? '' : ` (next attempt ${shortTime(until, now)})`}`;
}

function doneText({ counts, devices }: Judged): string {
  const known = Object.keys(counts).length > 0;
  const away = devices.filter(({ available }) => !available).map(({ name, reason }) => `${name} (${reason})`);
  const done = known ? 'all delivered' : 'no files yet';
  return away.length > 0 ? `${done}; offline: ${away.join(', ')}` : done;
}

/** Until the running transfers end, if nothing else waits; null if that is not known. */
function secondsLeft({ transfers, unfinished }: Judged): number | null {
  const ids = new Set(transfers.map(({ id }) => id));
  const left = transfers.map(({ seconds_left: seconds }) => seconds);
  if (ids.size < unfinished || left.some(seconds => seconds === null)) return null;
  return Math.ceil(Math.max(...left.map(Number)));
}
