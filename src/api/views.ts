import type { FileFacts } from '../file-facts.js';
import type { Clock, FileRecord } from '../ports.js';
import { fetchRefusal } from './edit.js';
import { hasLocalCopy, reasonOf, stateName, stateOf } from '../record/state.js';
import { percentOf, secondsLeftOf, type RunningTransfer } from '../record/progress.js';
import type { StepWait } from '../record/wait.js';
import type { DeviceStatus } from '../engine/devices.js';
import type { Receipt } from './schema-files.js';
import type { LinkFigures } from './schema-live.js';
import { DELIVERY_STATES, type File, type Status, type TransferView } from './schema.js';

/** Bounds of `Date`, ms since the Unix epoch. */
const MAX_TIME_MS = 8.64e15;

/** RFC 3339; null where the time is not known or no calendar has it. */
export function timeText<Time extends number | undefined>(
  ms: Time,
): string | (undefined extends Time ? null : never);
export function timeText(ms: number | undefined): string | null {
  if (ms === undefined) return null;
  return new Date(Math.min(MAX_TIME_MS, Math.max(-MAX_TIME_MS, ms))).toISOString();
}

/** The wall clock's time of a monotonic one; null where that is not known. */
export function wallTime(clock: Pick<Clock, 'now' | 'monotonic'>, up: number | undefined): string | null {
  return up === undefined || !Number.isFinite(up) ? null : timeText(clock.now() - (clock.monotonic() - up));
}

/** A record as people and programs see it; `waits`: what its steps wait for. */
export function fileView(
  record: FileRecord,
  waits: readonly StepWait[],
  clock: Pick<Clock, 'now' | 'monotonic'>,
): File {
  const { id, device, path, size, local, sha256 = '', description, failures = 0 } = record;
  return {
    ...{ id, device, path, size, modified: timeText(record.modified), state: stateWord(record) },
    ...{
      on_source: record.source.state === 'present',
      local,
      kept: hasLocalCopy(record),
      sha256,
      description,
      reason: reasonOf(record),
    },
    targets: targetsOf(record),
    failed_attempts: failures,
    found_at: timeText(record.foundAt),
    fetched_at: timeText(record.fetchedAt),
    delivered_at: timeText(record.delivered?.at),
    removed_at: timeText(record.removedAt),
    updated_at: timeText(record.updatedAt),
    waiting: [...waits, ...requestOf(record)].map(wait => waitView(wait, clock)),
    facts: record.facts ? factsView(record.facts) : null,
  };
}

/** What a SKIPPED file waits for that can be fetched on request. */
function requestOf(record: FileRecord): readonly StepWait[] {
  if (record.skipped === undefined || fetchRefusal(record) !== undefined) return [];
  return [{ stage: 'fetch', code: 'on_request', reason: record.skipped }];
}

/** Times as text, spans in seconds. */
function factsView({ start, duration, dropoutMs, endsOnly, ...facts }: FileFacts): File['facts'] {
  return {
    ...facts,
    ...(start !== undefined && { start: timeText(start) }),
    ...(duration !== undefined && { duration: duration / 1000 }),
    ...(dropoutMs !== undefined && { dropout_duration: dropoutMs / 1000 }),
    ...(endsOnly && { ends_only: true }),
  };
}

export const stateWord = (record: FileRecord): File['state'] => stateName(stateOf(record)) as File['state'];

function targetsOf({ targets }: FileRecord): File['targets'] {
  return Object.entries(targets).map(([target, delivery]) => {
    const { state, path = '', location = '', verified = '', reason = '', failures = 0, at } = delivery;
    return {
      ...{ target, state: DELIVERY_STATES[state], path, location, verified, reason },
      ...{ failed_attempts: failures, updated_at: timeText(at) },
    };
  });
}

/** Who says that the targets have a file, and when. */
export interface Issuer {
  readonly hostname: string;
  readonly version: string;
  /** ms since the Unix epoch. */
  readonly now: number;
}

export function receiptOf(record: FileRecord, { hostname, version, now }: Issuer): Receipt {
  const { id, device, path, size, sha256 = '' } = record;
  return {
    ...{ id, device, path, size, sha256, modified: timeText(record.modified) },
    ...{ found_at: timeText(record.foundAt), fetched_at: timeText(record.fetchedAt) },
    ...{ hostname, version, issued_at: timeText(now) },
    targets: targetsOf(record).map(({ target, state, path: there, location, verified, updated_at }) => ({
      ...{ target, state, path: there, location, verified },
      delivered_at: state === 'DONE' ? updated_at : null,
    })),
  };
}

function waitView(wait: StepWait, clock: Pick<Clock, 'now' | 'monotonic'>): File['waiting'][number] {
  const { stage, target = '', code, reason: text, since, until } = wait;
  return { stage, target, code, text, since: wallTime(clock, since), until: wallTime(clock, until) };
}

export function transferView(transfer: RunningTransfer): TransferView {
  const { id, device, path, target = '', bytes, size, bytesPerSecond } = transfer;
  return {
    ...{ id, device, path, target, bytes, size, percent: percentOf(transfer) },
    ...{ bytes_per_second: bytesPerSecond, seconds_left: secondsLeftOf(transfer) ?? null },
  };
}

export function deviceView(
  { name, type, available, armed, reason, since }: DeviceStatus,
  clock: Pick<Clock, 'now' | 'monotonic'>,
  link: LinkFigures | null = null,
): Status['devices'][number] {
  return { name, type, available, armed, reason, since: wallTime(clock, since), link };
}
