import type { FileStateMessage, FlightMessage, StatusMessage, Time } from '../../src/ros/interfaces.js';
import { FileState } from '../../src/ports.js';

// The messages as `--json` prints the same: words instead of numbers, RFC 3339 instead of seconds. Names are the same.

const VERDICTS = ['SAFE', 'WAIT', 'ATTENTION'];
const DELIVERIES = ['PENDING', 'SENDING', 'COMMITTING', 'DONE', 'FAILED'];
const FLIGHTS = ['COMPLETE', 'UNDER_WAY', 'FAILED', 'INCOMPLETE'];
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

export function flightJson(message: FlightMessage): unknown {
  return {
    ...times(message),
    state: FLIGHTS[message.state],
    duration_seconds: unlessUnknown(message.duration_seconds),
    bytes: Number(message.bytes),
    missing: message.missing.map(group => {
      return { ...times(group), state: STATES.get(group.state), bytes: Number(group.bytes) };
    }),
  };
}

/** None of the figures is measured: there is no link. */
function deviceJson(message: StatusMessage['devices'][number]): object {
  const { link_bytes_per_second: rate, link_loss: loss, link_rtt_ms: rtt, ...device } = message;
  const figures = [rate, loss, rtt].map(unlessUnknown);
  const [bytes_per_second, lost, rtt_ms] = figures;
  const link = figures.every(figure => figure === null) ? null : { bytes_per_second, loss: lost, rtt_ms };
  return { ...times(device), link };
}

export function statusJson(message: StatusMessage): unknown {
  const { stamp: _stamp, code, text, seconds_left, disk_free, disk_total, ...rest } = message;
  return {
    ...times(rest),
    running: true,
    verdict: { code: VERDICTS[code], text, seconds_left: unlessUnknown(seconds_left) },
    devices: message.devices.map(deviceJson),
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
    notifications: message.notifications.map(times),
    disk: disk_total === 0n ? null : { free: Number(disk_free), total: Number(disk_total) },
  };
}
