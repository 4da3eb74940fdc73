import type { FileStateMessage, StatusMessage, Time } from '../../src/ros/interfaces.js';
import { FileState } from '../../src/ports.js';

// The messages as `--json` prints the same: words instead of numbers, RFC 3339 instead of seconds. Names are the same.

const VERDICTS = ['SAFE', 'WAIT', 'ATTENTION'];
const DELIVERIES = ['PENDING', 'SENDING', 'COMMITTING', 'DONE', 'FAILED'];
const STATES = new Map<number, string>(Object.entries(FileState).map(([name, state]) => [state, name]));

const time = ({ sec, nanosec }: Time): string | null =>
  sec === 0 && nanosec === 0 ? null : new Date(sec * 1000 + nanosec / 1e6).toISOString();
const unlessUnknown = (seconds: number): number | null => (seconds < 0 ? null : seconds);
function times(message: object): object {
  const entries: [string, unknown][] = Object.entries(message);
  return Object.fromEntries(entries.map(([key, value]) => [key, isTime(value) ? time(value) : value]));
}
const isTime = (value: unknown): value is Time =>
  typeof value === 'object' && value !== null && 'sec' in value && 'nanosec' in value;

export function fileJson({ deleted: _deleted, ...message }: FileStateMessage): unknown {
  return {
    ...times(message),
    size: Number(message.size),
    state: STATES.get(message.state),
    targets: message.targets.map(target => ({ ...times(target), state: DELIVERIES[target.state] })),
    waiting: message.waiting.map(times),
  };
}

export function statusJson(message: StatusMessage): unknown {
  const { stamp: _stamp, code, text, seconds_left, disk_free, disk_total, ...rest } = message;
  return {
    ...times(rest),
    running: true,
    verdict: { code: VERDICTS[code], text, seconds_left: unlessUnknown(seconds_left) },
    devices: message.devices.map(times),
    counts: Object.fromEntries(
      message.counts.map(({ state, count }) => [STATES.get(state), count]),
    ) as object,
    transfers: message.transfers.map(({ stamp: _now, ...transfer }) => ({
      ...transfer,
      bytes: Number(transfer.bytes),
      size: Number(transfer.size),
      seconds_left: unlessUnknown(transfer.seconds_left),
    })),
    waiting: message.waiting.map(group => ({ ...times(group), bytes: Number(group.bytes) })),
    disk: disk_total === 0n ? null : { free: Number(disk_free), total: Number(disk_total) },
  };
}
