import type { FleetVehicle } from '../api/schema-fleet.js';
import { shortTime, withLocalTimes } from '../system/short-time.js';
import { formatSize } from '../system/size.js';
import { fitted, type Column } from './columns.js';
import { indented } from './indented.js';
import type { Shell } from './shell.js';

const COLUMNS: readonly Column[] = [
  { heading: 'VEHICLE', shrinks: true },
  { heading: 'STATE' },
  { heading: 'REPORTED' },
  { heading: 'VERSION' },
  { heading: 'WAITING', right: true },
  { heading: 'SIZE', right: true },
  { heading: 'OLDEST' },
  { heading: 'FREE', right: true },
];

/** A line a vehicle, those that need a look first; below it what fails there. */
export function fleetTable(
  vehicles: readonly FleetVehicle[],
  shell: Pick<Shell, 'clock' | 'outputColumns'>,
): string[] {
  if (vehicles.length === 0)
    return ['no vehicle has reported there yet: `fleet: { to: DEVICE }` in the configuration of each'];
  const now = shell.clock.now();
  const width = shell.outputColumns ?? Infinity;
  const sorted = [...vehicles].sort((a, b) => URGENCY[a.state] - URGENCY[b.state]);
  const [heading = '', ...lines] = fitted(
    COLUMNS,
    sorted.map(vehicle => row(vehicle, now)),
    width,
  );
  const table = lines.flatMap((line, index) => {
    const vehicle = sorted[index];
    return vehicle ? [line, ...indented(detailsOf(vehicle, now), width)] : [line];
  });
  return [heading, ...table, summary(vehicles)];
}

const URGENCY: Readonly<Record<FleetVehicle['state'], number>> = { LATE: 0, FAILING: 1, OK: 2 };

function row(
  { vehicle, object, state, version, waiting, disk, ...times }: FleetVehicle,
  now: number,
): string[] {
  const { files, bytes, oldest_at: oldest } = waiting;
  // Of two computers of one name, the second has a suffix.
  const name = object.replace(/(?:~new)?\.json$/, '');
  return [
    ...[name.startsWith(vehicle) ? name : vehicle, state, shortTime(times.reported_at, now), version],
    ...[files === 0 ? '-' : files === 1 ? '1 file' : `${files} files`, files === 0 ? '-' : formatSize(bytes)],
    ...[oldest === null ? '-' : shortTime(oldest, now), disk ? formatSize(disk.free) : '-'],
  ];
}

function detailsOf({ state, verdict, failures, links }: FleetVehicle, now: number): string[] {
  if (state === 'OK') return [];
  const failing = failures.map(({ device, text, files }) => {
    const number = files === 0 ? '' : files === 1 ? '1 file FAILED: ' : `${files} files FAILED: `;
    return `${number}${device}: ${text}`;
  });
  const offline = links
    .filter(({ available }) => !available)
    .map(({ name, text }) => `${name} offline: ${text}`);
  return [withLocalTimes(`${verdict.code}: ${verdict.text}`, now), ...failing, ...offline];
}

function summary(vehicles: readonly FleetVehicle[]): string {
  const count = (state: FleetVehicle['state']) => vehicles.filter(one => one.state === state).length;
  const bytes = vehicles.reduce((sum, { waiting }) => sum + waiting.bytes, 0);
  const number = vehicles.length === 1 ? '1 vehicle' : `${vehicles.length} vehicles`;
  return `${number}: ${count('LATE')} late, ${count('FAILING')} failing; ${formatSize(bytes)} to be delivered`;
}
