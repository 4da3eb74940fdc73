import type { DeviceStatus } from '../engine/devices.js';
import type { SourceNow } from '../links/source-watch.js';
import type { Clock, FileRecord } from '../ports.js';
import type { RunningTransfer } from '../record/progress.js';
import { isDelivered, isUnfinished } from '../record/state.js';
import { isBeforeDelivery, type StepWait } from '../record/wait.js';
import type { LinkFigures } from './schema-live.js';
import type { File, Status, WaitingGroup } from './schema.js';
import { Tallying } from './tally.js';
import { verdictOf, type Tally } from './verdict.js';
import { deviceView, stateWord, transferView, wallTime } from './views.js';

/** Groups of waiting files in a status at most; the largest ones. */
const MAX_GROUPS = 20;

export interface StatusParts {
  readonly records: Iterable<FileRecord>;
  readonly devices: readonly DeviceStatus[];
  readonly transfers: readonly RunningTransfer[];
  readonly waits: (record: FileRecord) => readonly StepWait[];
  /** How many units the files belong to. */
  readonly units?: (records: readonly FileRecord[]) => Status['units'];
  readonly paused: boolean;
  /** Why changes cannot be written to the database now; empty while they can. */
  readonly database: string;
  /** Why the configuration was not reloaded; empty otherwise. */
  readonly configuration?: string;
  /** How well the files of each source are known. */
  readonly sources?: readonly SourceNow[];
  /** A daemon delivers; true by default. */
  readonly running?: boolean;
  /** Local copies are lost without power. */
  readonly inMemory?: boolean;
  /** What was last measured of a device's link. */
  readonly link?: (device: string) => LinkFigures | null;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
}

type Counted = Pick<Status, 'counts' | 'waiting' | 'units'> & { readonly tally: Tally };

/** What is going on, and whether anything is left to do. */
export function describeStatus(
  parts: StatusParts,
): Pick<
  Status,
  | 'verdict'
  | 'counts'
  | 'units'
  | 'devices'
  | 'transfers'
  | 'waiting'
  | 'paused'
  | 'database'
  | 'configuration'
> {
  const { clock, paused, database, configuration = '', sources = [], running = true } = parts;
  const { link = () => null } = parts;
  const counted = count(parts);
  const transfers = parts.transfers.map(transferView);
  const devices = parts.devices.map(device => deviceView(device, clock, link(device.name)));
  const { counts, waiting, units } = counted;
  const shown = { paused, database, configuration, devices, units, transfers, waiting };
  const verdict = verdictOf({
    ...{ ...shown, tally: counted.tally, sources, running, inMemory: parts.inMemory ?? false },
    misconfigured: parts.devices.filter(({ misconfigured }) => misconfigured).map(({ name }) => name),
    rate: device => link(device)?.bytes_per_second ?? undefined,
  });
  return { verdict, counts, ...shown };
}

function count({ records, waits, clock, transfers, units = () => [] }: StatusParts): Counted {
  const counts: Partial<Record<File['state'], number>> = {};
  const groups = new Map<string, WaitingGroup>();
  const open: FileRecord[] = [];
  const tallying = new Tallying(transfers.map(({ id }) => id));
  for (const record of records) {
    const state = stateWord(record);
    counts[state] = (counts[state] ?? 0) + 1;
    const all = isUnfinished(record) ? waits(record) : [];
    tallying.add(record, all);
    if (!isUnfinished(record)) continue;
    if (state !== 'FAILED') open.push(record);
    for (const wait of all) addTo(groups, record, wait, clock);
  }
  const waiting = [...groups.values()].sort((a, b) => b.files - a.files).slice(0, MAX_GROUPS);
  return { counts, waiting, units: units(open), tally: tallying.tally };
}

function addTo(
  groups: Map<string, WaitingGroup>,
  record: FileRecord,
  wait: StepWait,
  clock: StatusParts['clock'],
): void {
  const { stage, target, code, reason: text } = wait;
  if (isDelivered(record) || !isBeforeDelivery(stage)) return;
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
