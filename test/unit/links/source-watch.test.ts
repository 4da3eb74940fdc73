import assert from 'node:assert/strict';
import { BehaviorSubject, Subject } from 'rxjs';
import type { DeviceStatus } from '../../../src/engine/devices.js';
import { FileSyncError } from '../../../src/errors.js';
import { SourceWatch, type SourceNow } from '../../../src/links/source-watch.js';
import type { Scan, ScanFailure } from '../../../src/record/scan.js';

const device = (
  available: boolean,
  since: number,
  changes: { armed?: boolean; quietUntil?: number } = {},
) => {
  const end = {
    available,
    reason: available ? 'vehicle 1' : 'no heartbeat',
    armed: false,
    since,
    ...changes,
  };
  return { ...end, name: 'autopilot', type: 'mavlink', source: end };
};
const scan = (began: number, changes: Partial<Scan> = {}): Scan => ({
  ...{ device: 'autopilot', began, complete: true, files: 1, found: 0, growing: [], settledIn: 0 },
  ...changes,
});

function watched() {
  const devices = new BehaviorSubject<DeviceStatus[]>([device(false, 0)]);
  const scans = new Subject<Scan>();
  const failures = new Subject<ScanFailure>();
  const watch = new SourceWatch({ devices, scans, failures });
  const fails = (error: FileSyncError) => failures.next({ device: 'autopilot', error });
  const now = () => watch.now()[0] as SourceNow;
  return { is: (status: DeviceStatus) => devices.next([status]), scans, fails, watch, now, devices };
}

describe('SourceWatch', () => {
  it('a source that was never available is not seen, and not listed', () => {
    const { now } = watched();
    assert.deepEqual([now().seen, now().listed, now().reason], [false, false, 'no heartbeat']);
  });

  it('a complete listing counts if it began after the source was connected', () => {
    const { is, scans, now } = watched();
    is(device(true, 100));
    scans.next(scan(99));
    assert.equal(now().listed, false);
    scans.next(scan(100, { complete: false }));
    assert.equal(now().listed, false);
    scans.next(scan(101));
    assert.equal(now().listed, true);
  });

  it('a listing of the changes alone keeps what a complete one has shown', () => {
    const { is, scans, now } = watched();
    is(device(true, 100));
    scans.next(scan(101));
    scans.next(scan(102, { complete: false }));
    assert.equal(now().listed, true);
  });

  it('after a flight, a listing counts once the vehicle has had the time to close its log', () => {
    const { is, scans, now } = watched();
    is(device(true, 100));
    scans.next(scan(101));
    is(device(true, 200, { armed: true }));
    assert.equal(now().listed, false);
    is(device(true, 300, { quietUntil: 2300 }));
    scans.next(scan(301));
    assert.equal(now().listed, false);
    scans.next(scan(2300));
    assert.equal(now().listed, true);
  });

  it('a source that went offline stays as it was known then', () => {
    const { is, scans, now } = watched();
    is(device(true, 100));
    is(device(false, 200));
    assert.deepEqual([now().listed, now().leftArmed], [false, false]);
    is(device(true, 300));
    scans.next(scan(301));
    is(device(false, 400));
    assert.deepEqual([now().listed, now().leftArmed, now().seen], [true, false, true]);
  });

  it('a source that went offline while armed, or with growing files, is not listed', () => {
    const { is, scans, now } = watched();
    is(device(true, 100));
    scans.next(scan(101));
    is(device(true, 200, { armed: true }));
    is(device(false, 300));
    assert.deepEqual([now().listed, now().leftArmed], [false, true]);
    is(device(true, 400));
    scans.next(scan(401, { growing: ['a.ulg'] }));
    assert.deepEqual([now().listed, now().growing, now().leftArmed], [true, 1, false]);
    is(device(false, 500));
    assert.equal(now().listed, false);
  });

  it('says why a part could not be listed, and reports each scan', () => {
    const { is, scans, now, watch } = watched();
    let changes = 0;
    watch.changes.subscribe(() => changes++);
    is(device(true, 100));
    scans.next(scan(101, { complete: false, error: new FileSyncError('denied', 'DCIM: permission denied') }));
    assert.deepEqual([now().problem, changes], ['DCIM: permission denied', 1]);
    scans.next(scan(102));
    assert.deepEqual([now().problem, now().listed], ['', true]);
  });

  it('says why listing fails although it is attempted again, and does not rely on an earlier listing', () => {
    const { is, scans, fails, now } = watched();
    const known = () => [now().listed, now().problem, now().passes];
    is(device(true, 100));
    scans.next(scan(101));
    fails(new FileSyncError('timeout', 'no answer within 10 s'));
    assert.deepEqual(known(), [false, 'no answer within 10 s', true]);
    fails(new FileSyncError('protocol', 'the listing has more than 2 files: raise max_files'));
    assert.deepEqual(known(), [false, 'the listing has more than 2 files: raise max_files', false]);
    is(device(false, 200));
    assert.deepEqual(known(), [false, 'the listing has more than 2 files: raise max_files', false]);
    is(device(true, 300));
    assert.deepEqual(known(), [false, '', false]);
    scans.next(scan(301));
    assert.deepEqual(known(), [true, '', false]);
  });

  it('says of an empty medium in place of another one what it may be', () => {
    const { is, scans, now } = watched();
    is(device(true, 100));
    scans.next(scan(101, { complete: false, otherAndEmpty: true }));
    assert.deepEqual([now().listed, now().passes], [false, true]);
    assert.match(now().problem, /^it is empty, and not the medium that was there before: .* mount it/);
  });

  it('forgets a source that is not configured any more', () => {
    const { is, scans, watch, devices } = watched();
    is(device(true, 100));
    scans.next(scan(101));
    devices.next([]);
    assert.deepEqual(watch.now(), []);
  });
});
