import assert from 'node:assert/strict';
import type { FlightView } from '../../../src/api/schema.js';
import { flightTable } from '../../../src/cli/flight-table.js';
import { columnsOf } from '../../../src/cli/terminal/text.js';
import { systemClock } from '../../../src/system/clock.js';

const now = new Date(2026, 7, 1, 12).getTime();
const clock = { ...systemClock, now: () => now };
const time = (hours: number, minutes = 0) => new Date(2026, 7, 1, hours, minutes).toISOString();

const FLIGHT: FlightView = {
  ...{ id: '0123456789ab', state: 'COMPLETE', vehicle: '', devices: ['autopilot', 'camera'] },
  ...{
    started_at: time(10, 30),
    duration_seconds: 754,
    found_at: time(11),
    files: 3,
    bytes: 4_100_000,
    ids: [],
  },
  delivered: [
    { target: 'archive', done: 3, files: 3, links: [] },
    { target: 'review', done: 1, files: 1, links: ['https://review.example.org/plot_app?log=1'] },
  ],
  missing: [],
};

const MISSING: FlightView['missing'][number] = {
  ...{ state: 'DOWNLOADED', device: 'archive', code: 'offline', text: 'connection refused' },
  ...{ since: time(11, 5), until: null, files: 2, bytes: 9 },
};

const table = (flights: readonly FlightView[], width?: number) =>
  flightTable(flights, { clock, outputColumns: width });
const detailsOf = (change: Partial<FlightView>) => table([{ ...FLIGHT, delivered: [], ...change }]).at(-1);

describe('the table of flights', () => {
  it('has a line a flight, as wide as it is, where no terminal is', () => {
    assert.deepEqual(table([FLIGHT]), [
      'WHEN   DURATION  VEHICLE            FILES    SIZE  STATE     DELIVERED TO, MISSING',
      '10:30    13 min  autopilot, camera      3  4.1 MB  COMPLETE  archive; review: https://review.example.org/plot_app?log=1',
    ]);
  });

  it('has the same on a terminal that is wide enough, and details below on a narrow one', () => {
    const late = {
      ...FLIGHT,
      vehicle: '000200000000363336323439510b0029003c',
      started_at: null,
      duration_seconds: null,
    };
    const flights = [FLIGHT, late];
    assert.deepEqual(table(flights, 200), table(flights));
    const narrow = table(flights, 80);
    for (const line of narrow) assert.ok(columnsOf(line) <= 80, line);
    assert.equal(narrow.length, 1 + 2 * 3);
    assert.deepEqual(narrow.slice(2, 4), [
      '    archive',
      '    review: https://review.example.org/plot_app?log=1',
    ]);
    assert.match(narrow[4] ?? '', /^found 11:00 +- +0002\S+…\S+003c +3 /);
  });

  it('says what is missing and why', () => {
    const missing: FlightView['missing'] = [
      MISSING,
      { ...MISSING, code: 'armed', device: 'autopilot', text: 'the vehicle is armed', since: null, files: 1 },
      { ...MISSING, code: '', state: 'FAILED', text: 'too large', files: 1 },
      { ...MISSING, code: '', state: 'SKIPPED', device: 'autopilot', text: 'fetch: asked', files: 4 },
      { ...MISSING, code: '', state: 'UPLOADING', text: '', files: 1 },
    ];
    assert.ok(
      detailsOf({ state: 'UNDER_WAY', missing })?.endsWith(
        'UNDER WAY  2 files wait: archive offline since 11:05 (connection refused); ' +
          '1 file waits: autopilot: the vehicle is armed; 1 file FAILED: archive: too large; ' +
          '4 files SKIPPED: fetch: asked; 1 file UPLOADING (archive)',
      ),
      detailsOf({ missing }),
    );
  });

  it('says how many of the files a target has, and shows some of many links', () => {
    const links = [1, 2, 3, 4, 5].map(number => `https://web/${number}`);
    const delivered = [{ target: 'web', done: 5, files: 6, links }];
    assert.match(
      detailsOf({ delivered }) ?? '',
      /web 5 of 6: https:\/\/web\/1 https:\/\/web\/2 https:\/\/web\/3 …$/,
    );
  });

  it('lets no foreign text move the cursor', () => {
    const shown = table([{ ...FLIGHT, vehicle: '\u001b[2J', devices: ['\u001b[H'] }], 80).join('');
    assert.ok(!shown.includes('\u001b'));
  });
});
