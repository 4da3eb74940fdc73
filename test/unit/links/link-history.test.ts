import assert from 'node:assert/strict';
import { Subject } from 'rxjs';
import * as schema from '../../../src/api/schema-live.js';
import { LinkHistory, type DeviceMeasure } from '../../../src/links/link-history.js';
import { trafficOf, type Traffic } from '../../../src/links/traffic.js';
import type { Progress } from '../../../src/record/progress.js';
import type { Scan } from '../../../src/record/scan.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

function history() {
  const clock = new VirtualClock();
  const subjects = { traffic: new Subject<Traffic>(), scans: new Subject<Scan>() };
  const measures = new Subject<DeviceMeasure>();
  const links = new LinkHistory({ ...subjects, measures, clock });
  const move = (bytes: number) =>
    subjects.traffic.next({ device: 'autopilot', direction: 'received', bytes });
  return { ...subjects, measures, links, clock, move };
}

describe('LinkHistory', () => {
  it('knows nothing of a device of which nothing was measured, and lets no timer run', () => {
    const { links, clock } = history();
    assert.equal(links.figures('autopilot'), null);
    assert.deepEqual(links.of('autopilot'), { device: 'autopilot', samples: [], listings: [] });
    assert.equal(clock.sleeping, 0);
  });

  it('takes a sample each ten seconds while something moves, then one of rest', async () => {
    const { links, clock, move, measures } = history();
    const heard: unknown[] = [];
    links.samples.subscribe(one => heard.push(one));
    move(50_000);
    measures.next({ device: 'autopilot', answered: 98, lost: 2, roundTripMs: 41 });
    await clock.advance(10_000);
    assert.deepEqual(links.figures('autopilot'), { bytes_per_second: 5000, loss: 0.02, rtt_ms: 41 });
    await clock.advance(60_000);
    const { samples } = links.of('autopilot');
    assert.deepEqual(
      samples.map(({ bytes_per_second: rate, loss }) => [rate, loss]),
      [
        [5000, 0.02],
        [0, null],
      ],
    );
    assert.equal(heard.length, 2);
    assert.equal(clock.sleeping, 0);
    schema.link.parse(links.of('autopilot'));
  });

  it('lets no timer run after the end of the engine', () => {
    const { links, clock, move, traffic } = history();
    move(50_000);
    assert.equal(clock.sleeping, 1);
    traffic.complete();
    assert.equal(clock.sleeping, 0);
    assert.equal(links.figures('autopilot'), null);
  });

  it('keeps an hour', async () => {
    const { links, clock, move } = history();
    for (let number = 0; number < 400; number++) {
      move(1000);
      await clock.advance(10_000);
    }
    assert.equal(schema.link.parse(links.of('autopilot')).samples.length, schema.MAX_LINK_SAMPLES);
    await clock.advance(2 * 3_600_000);
    assert.equal(links.figures('autopilot'), null);
  });

  it('keeps the last twenty listings, with what they have shown', () => {
    const { links, scans, clock } = history();
    const scan = { device: 'autopilot', began: clock.monotonic(), complete: true, growing: [], settledIn: 0 };
    for (let found = 0; found < 25; found++) scans.next({ ...scan, files: 30, found });
    const { listings } = schema.link.parse(links.of('autopilot'));
    assert.equal(listings.length, 20);
    assert.deepEqual(listings.at(-1), {
      ...{ at: new Date(clock.now()).toISOString(), files: 30, new_files: 24, complete: true, seconds: 0 },
    });
  });

  it('counts scans that found nothing new as one listing, and leaves those of the changes out', async () => {
    const { links, scans, clock } = history();
    const scan = { device: 'autopilot', growing: [], settledIn: 0 };
    const lists = (complete: boolean, files: number, found: number) =>
      scans.next({ ...scan, began: clock.monotonic(), complete, files, found });
    lists(true, 30, 2);
    for (let second = 0; second < 60; second++) {
      lists(false, 0, 0);
      lists(true, 30, 0);
      await clock.advance(1_000);
    }
    lists(false, 1, 1);
    const { listings } = schema.link.parse(links.of('autopilot'));
    assert.deepEqual(
      listings.map(({ files, new_files: fresh }) => [files, fresh]),
      [
        [30, 2],
        [30, 0],
        [1, 1],
      ],
    );
    assert.equal(listings[1]?.at, new Date(clock.now() - 1_000).toISOString());
  });
});

describe('trafficOf', () => {
  function heardOf(reports: readonly Partial<Progress>[], via?: 'stream'): [string, string, number][] {
    const progress = new Subject<Progress>();
    const heard: [string, string, number][] = [];
    trafficOf(progress, () => (via ? { via } : {})).subscribe(({ device, direction, bytes }) =>
      heard.push([device, direction, bytes]),
    );
    for (const report of reports)
      progress.next({ id: 'a', device: 'cam', path: 'a', bytes: 0, size: 10_000_000, ...report });
    return heard;
  }

  it('counts what has moved since the last report', () => {
    assert.deepEqual(heardOf([{ bytes: 1000 }, { bytes: 1500 }, { bytes: 1500 }]), [
      ['cam', 'received', 1000],
      ['cam', 'received', 500],
    ]);
  });

  it('leaves out what an earlier attempt has moved', () => {
    assert.deepEqual(heardOf([{ bytes: 5_000_000 }, { bytes: 5_000_100 }]), [['cam', 'received', 100]]);
  });

  it('counts an upload at its target, and a stream at both ends', () => {
    assert.deepEqual(heardOf([{ bytes: 10, target: 'ftp' }]), [['ftp', 'sent', 10]]);
    assert.deepEqual(heardOf([{ bytes: 10, target: 'ftp' }], 'stream'), [
      ['cam', 'received', 10],
      ['ftp', 'sent', 10],
    ]);
  });

  it('counts a file that is transferred again from its beginning', () => {
    const again = [
      { bytes: 600, size: 1000 },
      { bytes: 1000, size: 1000 },
      { bytes: 700, size: 1000 },
    ];
    assert.equal(
      heardOf(again).reduce((sum, [, , bytes]) => sum + bytes, 0),
      1700,
    );
  });
});
