import {
  MAX_FLEET_DEVICES,
  MAX_FLEET_FAILURES,
  MAX_FLEET_FLIGHTS,
  MAX_FLEET_TEXT,
  UNPRINTABLE,
  type FleetObject,
} from '../api/schema-fleet.js';
import type { FlightView, Status } from '../api/schema.js';
import type { Position } from '../file-facts.js';

/** What a report is made of. */
export interface ReportParts {
  readonly vehicle: string;
  readonly instance: string;
  readonly uid: string | undefined;
  readonly status: Status;
  /** Those with files that are not delivered, the newest first. */
  readonly flights: readonly FlightView[];
  readonly position?: Position | undefined;
  /** ms since the Unix epoch. */
  readonly now: number;
  /** ms after which the next one is written even if nothing has changed. */
  readonly heartbeat: number;
  /** ms between two looks. */
  readonly every: number;
  /** Keeps secrets out of a text. */
  readonly mask: (text: string) => string;
}

type Missing = FlightView['missing'][number];

const GIVEN_UP: ReadonlySet<Missing['state']> = new Set(['FAILED', 'SKIPPED', 'VANISHED', 'REMOVED']);
/** Free space counts in steps of this share: it changes all the time. */
const SPACE_STEP = 0.01;

/** The status of a vehicle for those who look after its fleet. Pure. */
export function reportOf(parts: ReportParts): FleetObject {
  const { vehicle, instance, uid, status, position, now, heartbeat, every } = parts;
  const { verdict, paused, disk } = status;
  const clean = cleaner(parts.mask);
  return {
    ...{ schema: 1, vehicle, instance, uid: uid === undefined || uid === '' ? null : clean(uid) },
    ...{ version: clean(status.version), time: timeText(now), next_by: timeText(now + heartbeat + every) },
    ...{ verdict: { code: verdict.code, text: clean(verdict.text) }, paused },
    waiting: waitingOf(parts.flights),
    failures: failuresOf(parts, clean),
    links: status.devices.slice(0, MAX_FLEET_DEVICES).map(device => linkOf(device, clean)),
    disk,
    ...(position && { position: { latitude: position.latitude, longitude: position.longitude } }),
  };
}

/** What of a report counts as a change: all but its times, those of links and what is measured of them, and little free space. */
export function contentOf({ time: _time, next_by: _next, links, disk, ...content }: FleetObject): string {
  const named = links.map(({ name, type, available, armed, text }) => [name, type, available, armed, text]);
  const free = disk && disk.total > 0 ? Math.round(disk.free / disk.total / SPACE_STEP) : null;
  return JSON.stringify({ ...content, links: named, free });
}

function waitingOf(flights: readonly FlightView[]): FleetObject['waiting'] {
  const open = flights.map(flight => ({ flight, waits: flight.missing.filter(isOpen) }));
  const waits = open.flatMap(one => one.waits);
  const oldest = open.filter(one => one.waits.length > 0).map(({ flight }) => flight.found_at);
  const unfinished = flights.filter(({ state, missing }) => state !== 'COMPLETE' && missing.length > 0);
  return {
    ...sumOf(waits),
    oldest_at: oldest.sort()[0] ?? null,
    flights_in_all: unfinished.length,
    flights: unfinished.slice(0, MAX_FLEET_FLIGHTS).map(({ id, state, started_at, found_at, missing }) => ({
      ...{ id, state: state === 'COMPLETE' ? 'UNDER_WAY' : state, started_at, found_at },
      ...sumOf(missing),
    })),
  };
}

const isOpen = ({ state }: Missing): boolean => !GIVEN_UP.has(state);

function sumOf(groups: readonly { readonly files: number; readonly bytes: number }[]) {
  const sum = (key: 'files' | 'bytes') => groups.reduce((total, group) => total + group[key], 0);
  return { files: sum('files'), bytes: sum('bytes') };
}

/** Files that were given up, by device and reason; then what keeps the program itself from its work. */
function failuresOf({ flights, status }: ReportParts, clean: Clean): FleetObject['failures'] {
  const groups = new Map<string, FleetObject['failures'][number]>();
  const failed = flights.flatMap(({ missing }) => missing.filter(({ state }) => state === 'FAILED'));
  for (const { device, text, files, bytes } of failed) {
    const key = JSON.stringify([device, text]);
    const before = groups.get(key) ?? { device: clean(device), text: clean(text), files: 0, bytes: 0 };
    groups.set(key, { ...before, files: before.files + files, bytes: before.bytes + bytes });
  }
  const own = { database: status.database, configuration: status.configuration, 'web page': status.web };
  const problems = Object.entries(own).flatMap(([device, text]) =>
    text === '' ? [] : [{ device, text: clean(text), files: 0, bytes: 0 }],
  );
  const all = [...problems, ...[...groups.values()].sort((a, b) => b.files - a.files)];
  return all.slice(0, MAX_FLEET_FAILURES);
}

function linkOf(
  { name, type, available, armed, reason, since, link }: Status['devices'][number],
  clean: Clean,
): FleetObject['links'][number] {
  const { bytes_per_second = null, loss = null, rtt_ms = null } = link ?? {};
  return {
    ...{ name: clean(name), type: clean(type), available, armed, text: clean(reason), since },
    ...{ bytes_per_second, loss, rtt_ms },
  };
}

type Clean = (text: string) => string;

const ALL_UNPRINTABLE = new RegExp(UNPRINTABLE, 'gu');

/** Masks secrets, then makes of a text what the schema accepts. */
const cleaner =
  (mask: (text: string) => string): Clean =>
  text => {
    const printable = mask(text).replace(ALL_UNPRINTABLE, ' ');
    if (printable.length <= MAX_FLEET_TEXT) return printable;
    // A pair of surrogates that is cut in two would not be printable.
    return `${printable.slice(0, MAX_FLEET_TEXT - 2).replace(/[\uD800-\uDBFF]$/, '')}…`;
  };

const timeText = (ms: number): string => new Date(ms).toISOString();
