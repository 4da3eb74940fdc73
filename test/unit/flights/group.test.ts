import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { FileFacts } from '../../../src/file-facts.js';
import { flightFiles } from '../../../src/flights/group.js';
import { flightsOf } from '../../../src/flights/flight.js';
import type { FileRecord } from '../../../src/ports.js';
import { fileRecord } from '../../fakes/file-record.js';

const MINUTE = 60_000;
const T0 = Date.UTC(2026, 7, 1, 10);

interface Given {
  readonly device?: string;
  readonly path?: string;
  /** Minutes after T0. */
  readonly modified?: number;
  readonly start?: number;
  readonly duration?: number;
  readonly vehicle?: string;
  readonly format?: FileFacts['format'];
  readonly foundAt?: number;
}

let number = 0;
const at = (minutes: number) => T0 + minutes * MINUTE;

/** A log of `autopilot` unless the path says otherwise. */
function file(given: Given = {}): FileRecord {
  number += 1;
  const {
    device = 'autopilot',
    path = `log/${number}.ulg`,
    modified,
    start,
    duration,
    vehicle,
    format,
  } = given;
  const hasFacts = [start, duration, vehicle, format].some(value => value !== undefined);
  return fileRecord(number, {
    ...{ device, path },
    ...(modified !== undefined && { modified: at(modified) }),
    ...(given.foundAt !== undefined && { foundAt: at(given.foundAt) }),
    ...(hasFacts && {
      facts: {
        format: format ?? 'ulog',
        ...(start !== undefined && { start: at(start) }),
        ...(duration !== undefined && { duration: duration * MINUTE }),
        ...(vehicle !== undefined && { vehicle }),
      },
    }),
  });
}

const log = (start: number, duration: number, given: Given = {}) => file({ start, duration, ...given });
const picture = (time: number, given: Given = {}) =>
  file({ device: 'camera', path: `DCIM/${++number}.jpg`, start: time, format: 'jpeg', ...given });
const bag = (start: number, duration: number, given: Given = {}) =>
  file({ device: 'bags', path: `${++number}/a.mcap`, start, duration, format: 'mcap', ...given });

/** The ids of each flight's files, in an order that does not depend on theirs. */
const partition = (records: readonly FileRecord[]): string[] =>
  flightFiles(records)
    .map(({ files }) =>
      files
        .map(({ id }) => id)
        .sort()
        .join(' '),
    )
    .sort();

function areFlights(...flights: readonly (readonly FileRecord[])[]): void {
  const expected = flights
    .map(files =>
      files
        .map(({ id }) => id)
        .sort()
        .join(' '),
    )
    .sort();
  assert.deepEqual(partition(flights.flat()), expected);
}

describe('the files of a flight', () => {
  it('are logs of one vehicle that overlap or are a minute apart, and no more', () => {
    areFlights([log(0, 10), log(5, 10), log(16, 3)], [log(20.01, 3)]);
    areFlights([log(0, 10, { vehicle: 'x' })], [log(5, 10, { vehicle: 'y' })]);
  });

  it('are not apart because a short log lies within a long one', () => {
    areFlights([log(0, 30), log(1, 1), log(20, 1)]);
  });

  it('are those of one vehicle, whatever the device that brought them', () => {
    areFlights([log(0, 10, { vehicle: 'x', device: 'radio' }), log(1, 5, { vehicle: 'x', device: 'card' })]);
    areFlights([log(0, 10, { device: 'one' })], [log(1, 5, { device: 'two' })]);
  });

  it('have the time that their source reports, which is the end of a log, where they say none themselves', () => {
    areFlights([file({ modified: 10, duration: 5 }), file({ modified: 4.5 })]);
    areFlights([file({ modified: 10, duration: 5 })], [file({ modified: 3 })]);
  });

  it('are pictures and bags of the companion computer as well', () => {
    areFlights([log(0, 10, { vehicle: 'x' }), picture(5), picture(11), bag(-3, 5)]);
    areFlights([log(0, 10)], [picture(11.1)], [bag(-3, 1)]);
  });

  it('are pictures of the ground too, as long as the camera goes on', () => {
    areFlights([log(10, 10), ...Array.from({ length: 10 }, (_, index) => picture(index))]);
  });

  it('are divided by the logs, whatever goes on meanwhile', () => {
    const pictures = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => picture(from + index));
    areFlights([log(0, 10), ...pictures(0, 15)], [log(19, 10), ...pictures(15, 30)]);
    areFlights([log(0, 2)], [log(5, 10), bag(1, 20)]);
  });

  it('are of no vehicle that may be the wrong one', () => {
    areFlights(
      [log(0, 10, { vehicle: 'x' })],
      [log(5, 10, { vehicle: 'y', device: 'other' })],
      [picture(4), picture(5)],
    );
    areFlights([log(0, 10, { device: 'one' }), picture(4)], [log(12, 10, { device: 'two' }), bag(15, 1)]);
  });

  it('are of the vehicle whose device holds them', () => {
    const x = { vehicle: 'x', device: 'drone1' };
    areFlights(
      [log(0, 10, x), picture(5, { device: 'drone1' }), file({ device: 'drone1', modified: 10 })],
      [log(0, 10, { vehicle: 'y', device: 'drone2' })],
    );
  });

  it('are the pictures of a camera alone', () => {
    areFlights([picture(0), picture(1), picture(2)], [picture(4)]);
    assert.equal(flightFiles([log(0, 9, { vehicle: 'x' })])[0]?.vehicle, 'x');
    assert.equal(flightFiles([picture(0)])[0]?.vehicle, '');
  });

  it('are not drawn together by a log with an impossible duration', () => {
    areFlights([log(0, 3_000)], [log(10, 5)]);
  });

  for (const [what, modified] of [
    ['without a time', undefined],
    ['of 1970', -T0 / MINUTE + 10],
    ['of 1980', (Date.UTC(1980, 0, 1) - T0) / MINUTE],
    ['of 2107', (Date.UTC(2107, 11, 31) - T0) / MINUTE],
  ] as const)
    it(`${what} are those of one name, or of a folder with one flight`, () => {
      const wrong = modified === undefined ? {} : { modified };
      areFlights([log(0, 10, { path: 'a/1.ulg' }), file({ path: 'a/1.txt', ...wrong })]);
      areFlights([
        bag(0, 10, { path: 'b/1.mcap' }),
        file({ device: 'bags', path: 'b/metadata.yaml', ...wrong }),
      ]);
      areFlights(
        [log(0, 10, { path: 'a/1.ulg' })],
        [log(20, 10, { path: 'a/2.ulg' })],
        [file({ path: 'a/3.txt', ...wrong })],
      );
      areFlights([log(0, 10, { path: 'a/1.ulg' })], [file({ path: 'a/2.ulg', ...wrong })]);
    });

  it('without any time are logs one by one, and what was found together in a folder', () => {
    areFlights([file({ path: 'a/1.ulgc' }), file({ path: 'a/1.ulgk' })], [file({ path: 'a/2.ulg' })]);
    const found = (path: string, foundAt: number) => file({ device: 'camera', path, foundAt });
    areFlights([found('a/1.jpg', 0), found('a/2.jpg', 1)], [found('b/1.jpg', 1)]);
    areFlights([found('a/1.jpg', 0)], [found('a/2.jpg', 1.1)]);
  });
});

describe('flights', () => {
  it('come newest first, with the length of their logs', () => {
    const [pictures, logs, unknown] = [picture(100), log(0, 10, { vehicle: 'x' }), file({ foundAt: -50 })];
    const shown = flightsOf([logs, unknown, pictures, picture(10.5), picture(-0.5)]);
    assert.deepEqual(
      shown.map(({ id, start, duration, records }) => [id, start, duration, records.length]),
      [
        [pictures.id, at(100), undefined, 1],
        [logs.id, at(0), 10 * MINUTE, 3],
        [unknown.id, undefined, undefined, 1],
      ],
    );
  });

  it('are as long as all of their files where the logs do not say it', () => {
    const [end, ...pictures] = [file({ modified: 9.5 }), picture(0), picture(1), picture(2), picture(9)];
    assert.deepEqual(
      flightsOf([end, ...pictures]).map(({ duration }) => duration),
      [9.5 * MINUTE - 9 * MINUTE, 2 * MINUTE],
    );
    assert.equal(flightsOf([file({ duration: 3 })])[0]?.duration, 3 * MINUTE);
  });

  it('keep their id while files are added that were found later', () => {
    const first = log(10, 5, { foundAt: 100 });
    const later = [picture(9.5, { foundAt: 101 }), log(8, 1.5, { foundAt: 102 })];
    assert.deepEqual(
      flightsOf([...later, first]).map(({ id, records }) => [id, records.length]),
      [[first.id, 3]],
    );
  });
});

// ---- for any records ----------------------------------------------------------------------------------------

const minutes = fc.integer({ min: 0, max: 120 }).map(quarter => quarter / 4);
const impossible = fc.constantFrom(-T0, 1000 - T0, Date.UTC(2150, 0) - T0).map(ms => ms / MINUTE);
const given = fc.record(
  {
    device: fc.constantFrom('a', 'b', 'c'),
    path: fc
      .tuple(fc.constantFrom('x', 'y', ''), fc.nat(4), fc.constantFrom('ulg', 'jpg', 'mcap', 'txt'))
      .map(([folder, name, ending]) => `${folder}/${name}.${ending}`),
    modified: fc.oneof(minutes, impossible),
    start: fc.oneof(minutes, impossible),
    duration: fc.oneof(minutes, fc.constantFrom(-1, 1e9)),
    vehicle: fc.constantFrom('v', 'w'),
    format: fc.constantFrom<FileFacts['format'][]>('ulog', 'jpeg', 'mcap'),
    foundAt: minutes,
  },
  { requiredKeys: ['device', 'path', 'foundAt'] },
);
const records = fc.array(given, { maxLength: 30 }).map(all => all.map(file));

/** Which logs with times are together, found by comparing all of them until nothing changes. */
function together(logs: readonly FileRecord[]): (a: FileRecord, b: FileRecord) => boolean {
  const span = ({ facts, modified = 0 }: FileRecord) => {
    const duration = facts?.duration ?? 0;
    const start = facts?.start ?? modified - duration;
    return [start, start + duration] as const;
  };
  const names = new Map(logs.map((one, index) => [one.id, index]));
  for (let changed = true; changed;) {
    changed = false;
    for (const a of logs)
      for (const b of logs) {
        const [[start, end], [otherStart, otherEnd]] = [span(a), span(b)];
        if (start > otherEnd + MINUTE || otherStart > end + MINUTE) continue;
        const [one = 0, other = 0] = [names.get(a.id), names.get(b.id)];
        if (one === other) continue;
        changed = true;
        names.set(a.id, Math.min(one, other)).set(b.id, Math.min(one, other));
      }
  }
  return (a, b) => names.get(a.id) === names.get(b.id);
}

describe('flights of any records', () => {
  it('have every file exactly once', () => {
    fc.assert(
      fc.property(records, all => {
        const ids = flightFiles(all).flatMap(({ files }) => files.map(({ id }) => id));
        assert.deepEqual(ids.sort(), all.map(({ id }) => id).sort());
        assert.ok(flightFiles(all).every(({ files }) => files.length > 0));
      }),
    );
  });

  it('are the same in whatever order the records come', () => {
    const shuffled = records.chain(all =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(fc.property(shuffled, ([all, other]) => assert.deepEqual(flightsOf(other), flightsOf(all))));
  });

  it('never have logs of two vehicles', () => {
    fc.assert(
      fc.property(records, all => {
        for (const { files, vehicle } of flightFiles(all)) {
          const names = new Set(files.flatMap(({ facts }) => facts?.vehicle ?? []));
          assert.ok(names.size <= 1);
          if (names.size === 1) assert.deepEqual([...names], [vehicle]);
        }
      }),
    );
  });

  it('divide the logs of a vehicle where nothing was logged for more than a minute, and nowhere else', () => {
    const logs = fc.array(
      fc.record({ start: minutes, duration: minutes, vehicle: fc.constantFrom('v', 'w') }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(logs, records, (all, others) => {
        const made = all.map(one => file({ ...one, device: 'd', duration: one.duration / 10 }));
        const rest = others.filter(
          ({ facts, path }) => facts?.vehicle === undefined && !path.endsWith('ulg'),
        );
        const flights = flightFiles([...rest, ...made]);
        const flightOf = ({ id }: FileRecord) =>
          flights.findIndex(({ files }) => files.some(one => one.id === id));
        for (const vehicle of ['v', 'w']) {
          const own = made.filter(({ facts }) => facts?.vehicle === vehicle);
          const isTogether = together(own);
          for (const a of own)
            for (const b of own) assert.equal(flightOf(a) === flightOf(b), isTogether(a, b));
        }
      }),
    );
  });

  const MANY = 100_000;
  const shapes: Readonly<Record<string, (index: number) => Given>> = {
    'pictures one after the other': index => ({ device: 'camera', path: `${index}.jpg`, modified: index }),
    'vehicles that all fly at once': index => ({ vehicle: `v${index}`, start: 0, duration: 60 }),
    'long bags over many flights': index =>
      index % 2 === 0
        ? { start: index, duration: 0.1, vehicle: 'v' }
        : { device: 'bags', path: `${index}.mcap`, format: 'mcap', start: index % 1000, duration: 1400 },
    'no times at all': index => ({ device: 'camera', path: `x/${index}.jpg`, foundAt: index % 7 }),
    'one folder of many flights': index =>
      index % 2 === 0 ? { start: index * 3, path: `x/${index}.ulg` } : { path: `x/${index}.txt` },
  };
  for (const [title, shape] of Object.entries(shapes))
    it(`are found among a hundred thousand records: ${title}`, () => {
      const all = Array.from({ length: MANY }, (_, index) => file(shape(index)));
      const found = flightFiles(all);
      assert.equal(
        found.reduce((sum, { files }) => sum + files.length, 0),
        MANY,
      );
    });
});
