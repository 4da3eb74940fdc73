import type { FileRecord } from '../ports.js';
import { grouped, type Gathering } from './gathering.js';
import { Owners, type Owner } from './owners.js';
import { byId, byStart, isLog, sectionsOf, spanOf, type Section, type Timed } from './span.js';
import { nearest, Timeline } from './timeline.js';
import { groupUntimed } from './untimed.js';

/** The files of one flight. */
export interface FlightFiles {
  /** Empty where no log names it. */
  readonly vehicle: string;
  /** In the order of their time; those whose time is not known are the last. At least one. */
  readonly files: readonly FileRecord[];
}

/**
 * Every file in exactly one flight, whatever the order of the records; O(n log n).
 * - The logs of one vehicle whose times overlap, or are at most a minute apart, are one flight.
 * - Other files of one device that are at most a minute apart stay together. They join the flight of their vehicle that they
 *   overlap, or that is at most a minute away; of several, each file joins the one that is nearest to the middle of its time. Where
 *   their device is of no known vehicle, they join only if a single vehicle flew then. Else they are a flight of their own.
 * - A log whose time is not known or impossible is a flight of its own. Another such file joins the file of the same name with
 *   another ending, or else the only flight of its folder. Where there is none, files of one folder that were found within a minute
 *   are one flight.
 */
export function flightFiles(records: Iterable<FileRecord>): FlightFiles[] {
  const all = [...records];
  const owners = new Owners(all);
  const { logs, others, untimed } = sorted(all);
  const flights = flightsOfLogs(logs, owners);
  flights.push(...joined(others, owners, flights));
  flights.push(...groupUntimed(untimed, flights, owners));
  return flights.map(finished);
}

/** Logs and other files with their times, and those without. */
function sorted(records: readonly FileRecord[]) {
  const [logs, others, untimed]: [Timed[], Timed[], FileRecord[]] = [[], [], []];
  for (const record of records) {
    const span = spanOf(record);
    if (!span) untimed.push(record);
    else (isLog(record) ? logs : others).push({ record, ...span });
  }
  return { logs, others, untimed };
}

function flightsOfLogs(logs: readonly Timed[], owners: Owners): Gathering[] {
  const ofOwners = grouped(logs, ({ record }) => owners.ofLog(record).key);
  return [...ofOwners.values()].flatMap(all =>
    sectionsOf(all).map(section => gathering(section, owners.ofLog((section.files[0] as Timed).record))),
  );
}

/** Adds files that are no logs to their flights; returns those that they are for themselves. */
function joined(files: readonly Timed[], owners: Owners, flights: readonly Gathering[]): Gathering[] {
  const all = new Timeline(flights);
  const ofOwners = new Map(
    [...grouped(flights, ({ owner }) => owner.key)].map(([key, some]) => [key, new Timeline(some)]),
  );
  const rest: Gathering[] = [];
  for (const [device, ofDevice] of grouped(files, ({ record }) => record.device)) {
    const owner = owners.ofDevice(device);
    const timeline = owner ? ofOwners.get(owner.key) : all;
    for (const section of sectionsOf(ofDevice)) {
      const near = timeline?.around(section) ?? [];
      if (near.length === 0) rest.push(gathering(section, owner ?? { key: device, vehicle: '' }));
      else for (const file of section.files) nearest(near, (file.start + file.end) / 2).timed.push(file);
    }
  }
  return rest;
}

const gathering = ({ start, end, files }: Section, owner: Owner): Gathering => ({
  ...{ start, end, owner, timed: [...files], untimed: [] },
});

function finished({ owner, timed, untimed }: Gathering): FlightFiles {
  const inOrder = timed.sort(byStart).map(({ record }) => record);
  return { vehicle: owner.vehicle, files: [...inOrder, ...untimed.sort(byId)] };
}
