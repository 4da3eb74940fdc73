import type { Clock, FileRecord } from '../ports.js';
import { hasLocalCopy, reasonOf, stateName, stateOf } from '../record/state.js';
import { percentOf, secondsLeftOf, type Transfer } from '../record/progress.js';
import type { StepWait } from '../record/wait.js';
import type { DeviceStatus } from '../engine/devices.js';
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
    waiting: waits.map(wait => waitView(wait, clock)),
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

function waitView(wait: StepWait, clock: Pick<Clock, 'now' | 'monotonic'>): File['waiting'][number] {
  const { stage, target = '', code, reason: text, since, until } = wait;
  return { stage, target, code, text, since: wallTime(clock, since), until: wallTime(clock, until) };
}

export function transferView(transfer: Transfer): TransferView {
  const { id, device, path, target = '', bytes, size, bytesPerSecond } = transfer;
  return {
    ...{ id, device, path, target, bytes, size, percent: percentOf(transfer) },
    ...{ bytes_per_second: bytesPerSecond, seconds_left: secondsLeftOf(transfer) ?? null },
  };
}

export function deviceView(
  { name, type, available, armed, reason, since }: DeviceStatus,
  clock: Pick<Clock, 'now' | 'monotonic'>,
): Status['devices'][number] {
  return { name, type, available, armed, reason, since: wallTime(clock, since) };
}
