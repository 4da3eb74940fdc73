import { defer, repeat, Subscription } from 'rxjs';
import type { DeviceStatus } from '../engine/devices.js';
import { UNKNOWN } from '../system/availability.js';
import type { Pending } from '../engine/backlog.js';
import { stateName } from '../record/state.js';
import { FileState } from '../ports.js';
import { after } from '../system/rx.js';
import { RELIABLE } from './graph.js';
import { topics, type DiagnosticStatusMessage } from './interfaces.js';
import { toTime } from './messages.js';
import { countStates, type Publishing } from './topics.js';

/** diagnostic_msgs/DiagnosticStatus. */
export const Level = { OK: 0, WARN: 1, ERROR: 2, STALE: 3 } as const;
type Level = (typeof Level)[keyof typeof Level];

/** ms between two reports, as the convention for /diagnostics wants it. */
const INTERVAL_MS = 1000;
/** A device that is offline for less than this is not warned of: vehicles reboot, cables are swapped. */
const MIN_WARN_OFFLINE_MS = 60_000;

interface Offline {
  /** Monotonic ms, while it lasts. */
  since?: number;
  /** The longest one that has ended, ms. */
  longest: number;
}

/** Remembers how long devices have been offline. */
export class OfflineTimes {
  readonly #times = new Map<string, Offline>();

  /** ms for which the device has been offline, 0 when it is available; `now` is monotonic. */
  note({ name, available }: DeviceStatus, now: number): number {
    const offline = this.#times.get(name) ?? { longest: 0 };
    this.#times.set(name, offline);
    const length = offline.since === undefined ? 0 : now - offline.since;
    if (!available) offline.since ??= now;
    else if (offline.since !== undefined) {
      offline.longest = Math.max(offline.longest, length);
      delete offline.since;
    }
    return available ? 0 : length;
  }

  /** ms offline that are usual for the device: its longest time offline so far, at least a minute. */
  usual({ name }: DeviceStatus): number {
    return Math.max(MIN_WARN_OFFLINE_MS, this.#times.get(name)?.longest ?? 0);
  }
}

/** Reports on /diagnostics until unsubscribed: a status for each device and one for the queue. */
export function publishDiagnostics(parts: Publishing, hostname: string): Subscription {
  const { graph, engine, clock } = parts;
  const publisher = graph.advertise(topics.diagnostics, '/diagnostics', RELIABLE);
  const offlineTimes = new OfflineTimes();
  let devices: readonly DeviceStatus[] = [];
  let pending: Pending = { finds: 0, downloads: 0, uploads: 0, total: 0 };
  const report = () => {
    const now = clock.monotonic();
    const status = [
      ...devices.map(device => deviceStatus(graph.name, device, offlineTimes, now)),
      queueStatus(parts, pending, hostname),
    ];
    publisher.publish({ header: { stamp: toTime(clock.now()), frame_id: '' }, status });
  };
  const reports = defer(() => after(clock, INTERVAL_MS))
    .pipe(repeat())
    .subscribe(report);
  reports.add(engine.devices.subscribe(now => (devices = now)));
  reports.add(engine.pending.subscribe(now => (pending = now)));
  return reports;
}

export function deviceStatus(
  node: string,
  device: DeviceStatus,
  offlineTimes: OfflineTimes,
  now: number,
): DiagnosticStatusMessage {
  const { name, type, available, armed, reason } = device;
  const offlineMs = offlineTimes.note(device, now);
  const facts = { type, available, armed, 'offline for, s': Math.round(offlineMs / 1000) };
  return {
    level: deviceLevel(device, offlineMs > offlineTimes.usual(device)),
    name: `${node.slice(1)}: ${name}`,
    message: reason,
    hardware_id: name,
    values: keyValues(facts),
  };
}

function deviceLevel({ available, reason }: DeviceStatus, tooLong: boolean): Level {
  if (available) return Level.OK;
  if (tooLong) return Level.WARN;
  return reason === UNKNOWN.reason ? Level.STALE : Level.OK;
}

function queueStatus(
  { graph, engine }: Publishing,
  { finds, downloads, uploads, total }: Pending,
  hostname: string,
): DiagnosticStatusMessage {
  const counts = countStates(engine.records);
  const states = [...counts].map(([state, count]) => [`files ${stateName(state)}`, count] as const);
  const queues = { paused: engine.paused, scans: finds, downloads, uploads };
  const [level, message] = queueVerdict(counts.get(FileState.FAILED) ?? 0, engine.paused, total - finds);
  return {
    level,
    message,
    name: `${graph.name.slice(1)}: queue`,
    hardware_id: hostname,
    values: keyValues({ ...queues, ...Object.fromEntries(states) }),
  };
}

function queueVerdict(failed: number, paused: boolean, transfers: number): [Level, string] {
  if (failed > 0)
    return [Level.ERROR, `${failed} FAILED; the service list_files says why, retry brings them back`];
  if (paused) return [Level.WARN, 'paused; the service pause with data: false resumes the work'];
  return [Level.OK, transfers > 0 ? `${transfers} transfers wait or are under way` : 'nothing to do'];
}

function keyValues(
  facts: Readonly<Record<string, string | number | boolean>>,
): DiagnosticStatusMessage['values'] {
  return Object.entries(facts).map(([key, value]) => ({ key, value: String(value) }));
}
