import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describeStatus, type StatusParts } from '../../../src/api/status.js';
import type { SourceNow } from '../../../src/links/source-watch.js';
import type { FileRecord } from '../../../src/ports.js';
import type { RunningTransfer } from '../../../src/record/progress.js';
import { failedTargets, hasLocalCopy, isDelivered } from '../../../src/record/state.js';
import { WAIT_CODES, type StepWait } from '../../../src/record/wait.js';
import { withLocalTimes } from '../../../src/system/short-time.js';
import { fileRecord } from '../../fakes/file-record.js';

const NOON = new Date(2026, 10, 29, 12, 31).getTime();
const UP = 10_000_000;
const clock = { now: () => NOON, monotonic: () => UP };

const here = { copy: { state: 'whole' } } as const;
const targets = (...states: ('pending' | 'done' | 'failed')[]) => ({
  targets: Object.fromEntries(states.map((state, index) => [['archive', 'review'][index] ?? '', { state }])),
});
const onSource = (number: number) => fileRecord(number, targets('pending'));
const onDisk = (number: number) => fileRecord(number, { ...here, ...targets('pending') });
const delivered = (number: number) => fileRecord(number, { ...here, ...targets('done') });
const skipped = (number: number, why: string) => fileRecord(number, { ...targets('pending'), skipped: why });

const LISTED: SourceNow = {
  ...{
    name: 'autopilot',
    available: true,
    armed: false,
    reason: 'vehicle 1',
    since: UP - 60_000,
    seen: true,
  },
  ...{ listed: true, leftArmed: false, growing: 0, problem: '' },
};
const source = (changes: Partial<SourceNow>): SourceNow => ({ ...LISTED, ...changes });
const AWAY = { available: false, reason: 'no heartbeat' };
const CAMERA = source({ name: 'camera', available: false, seen: false, listed: false, reason: 'no drive' });
const device = (name: string, reason: string, misconfigured = false) => ({
  ...{ name, type: 'ftp', available: false, reason, armed: false, since: 0 },
  ...(misconfigured && { misconfigured }),
});

const wait = (changes: Partial<StepWait>): StepWait => ({
  ...{ stage: 'fetch', code: 'queue', reason: 'waits for its turn' },
  ...changes,
});
const OFFLINE = wait({ stage: 'deliver', target: 'archive', code: 'offline', reason: 'refused', since: UP });
const FULL = wait({ code: 'disk_full', reason: 'the disk has 1 kB free: free 5 kB', until: UP + 60_000 });
const ASKED = 'fetch: asked (filesync fetch ID takes it)';
const NEW = 'begin: new (it was on the source at the first scan; filesync fetch ID takes it)';

const moving = (record: FileRecord, changes: Partial<RunningTransfer> = {}): RunningTransfer => ({
  ...{ id: record.id, device: record.device, path: record.path, bytes: 400, size: 1000, bytesPerSecond: 100 },
  ...changes,
});

function verdictOf(records: readonly FileRecord[], changes: Partial<StatusParts> = {}) {
  const parts = { devices: [], transfers: [], waits: () => [], paused: false, database: '', clock, records };
  const { text, ...verdict } = describeStatus({ ...parts, sources: [LISTED], ...changes }).verdict;
  return { ...verdict, text: withLocalTimes(text, NOON) };
}

const LINK = { bytes_per_second: 1000, loss: null, rtt_ms: null };

const NO_DAEMON = 'no daemon runs, and new files are not looked for';
const PAUSED = 'all work is paused (Resume on the page, or the ROS service ~/pause, ends that)';

type Case = readonly [
  title: string,
  records: readonly FileRecord[],
  changes: Partial<StatusParts>,
  code: string,
  text: string,
  seconds?: number,
];

const CASES: readonly Case[] = [
  ['everything is on its targets', [delivered(1), delivered(2)], {}, 'SAFE', 'all 2 files delivered'],
  ['the vehicle is off again', [delivered(1)], { sources: [source(AWAY)] }, 'SAFE', '1 file delivered'],
  [
    'files are whole in local storage, and their target is offline',
    [onDisk(1), onDisk(2), delivered(3)],
    { waits: ({ id }) => (id === delivered(3).id ? [] : [OFFLINE]) },
    'SAFE',
    '2 files are safe on this computer, not yet on archive: ' +
      '2 files wait: archive offline since 12:31 (refused); autopilot may be switched off',
  ],
  [
    'an upload from local storage is under way',
    [onDisk(1)],
    { transfers: [moving(onDisk(1), { target: 'archive' })] },
    'SAFE',
    '1 file is safe on this computer, not yet on archive: ' +
      '1 under way: 2026-11-22/1.ulg to archive 40 % of 1.0 kB, 100 B/s; autopilot may be switched off',
  ],
  [
    'one target of two has a file that is in local storage',
    [fileRecord(1, { ...here, ...targets('done', 'pending') })],
    {},
    'SAFE',
    '1 file is safe on this computer, not yet on review: 1 file waits; autopilot may be switched off',
  ],
  [
    'local storage is in memory',
    [onDisk(1)],
    { inMemory: true },
    'WAIT',
    '1 file waits; local copies are in memory and are lost without power',
  ],
  ['no daemon delivers it', [onDisk(1)], { running: false, sources: [] }, 'WAIT', '1 file waits'],
  [
    'no daemon runs, and all that is known is delivered',
    [delivered(1)],
    { running: false, sources: [] },
    'SAFE',
    `1 file delivered; ${NO_DAEMON}`,
  ],
  [
    'one target of two has a file that is only on its source',
    [fileRecord(1, targets('done', 'pending'))],
    {},
    'WAIT',
    '1 file waits; leave autopilot on',
  ],
  [
    'a file is being fetched while another one is uploaded',
    [onSource(1), onDisk(2)],
    { transfers: [moving(onDisk(2), { target: 'archive' }), moving(onSource(1))] },
    'WAIT',
    '1 under way: autopilot:2026-11-22/1.ulg 40 % of 1.0 kB, 100 B/s; 1 is safe on this computer; leave autopilot on',
    6,
  ],
  [
    'files wait behind the one that is fetched',
    [onSource(1), onSource(1000)],
    { transfers: [moving(onSource(1))], waits: ({ id }) => (id === onSource(1).id ? [] : [wait({})]) },
    'WAIT',
    '1 under way: autopilot:2026-11-22/1.ulg 40 % of 1.0 kB, 100 B/s; 1 file waits: autopilot: waits for its turn; leave autopilot on',
    26,
  ],
  [
    'nothing moves at this moment, and the rate is known',
    [onSource(1000)],
    { link: () => LINK, waits: () => [wait({})] },
    'WAIT',
    '1 file waits: autopilot: waits for its turn; leave autopilot on',
    2,
  ],
  [
    'a file goes straight from its source to a target that is offline',
    [fileRecord(1, { ...targets('pending'), via: 'stream' })],
    { waits: () => [{ ...OFFLINE, stage: 'stream' }] },
    'WAIT',
    '1 file waits: archive offline since 12:31 (refused); leave autopilot on',
  ],
  [
    'a target that was never reached is what a file in local storage waits for',
    [onDisk(1)],
    {
      devices: [device('archive', 'not probed yet')],
      waits: () => [{ ...OFFLINE, reason: 'not probed yet' }],
    },
    'SAFE',
    '1 file is safe on this computer, not yet on archive: ' +
      '1 file waits: archive offline since 12:31 (not probed yet); autopilot may be switched off',
  ],
  [
    'a file is on a source that was never reached',
    [fileRecord(1, { ...targets('pending'), device: 'camera' })],
    { sources: [LISTED, CAMERA], waits: () => [wait({ code: 'offline', reason: 'no drive' })] },
    'WAIT',
    '1 file waits: camera offline (no drive)',
  ],
  [
    'another source was never reached, and no file of it is known',
    [delivered(1)],
    { sources: [LISTED, CAMERA], devices: [device('camera', 'no drive')] },
    'SAFE',
    '1 file delivered; offline: camera (no drive)',
  ],
  [
    'no source was reached yet',
    [delivered(1)],
    { sources: [CAMERA, { ...CAMERA, name: 'drone', reason: 'no heartbeat' }] },
    'WAIT',
    'no source has been reached yet: camera (no drive), drone (no heartbeat)',
  ],
  [
    'the vehicle is armed',
    [delivered(1)],
    { sources: [source({ armed: true, listed: false })] },
    'WAIT',
    'autopilot is armed; leave autopilot on',
  ],
  [
    'the vehicle was disarmed, and is not listed since',
    [delivered(1)],
    { sources: [source({ listed: false })] },
    'WAIT',
    'autopilot is not completely listed yet; leave autopilot on',
  ],
  [
    'the scan after the flight does not begin, because all is paused',
    [delivered(1)],
    { sources: [source({ listed: false })], paused: true },
    'WAIT',
    `${PAUSED}; autopilot is not completely listed yet (paused); leave autopilot on`,
  ],
  [
    'all is paused, and nobody looks for the files that a source may have got',
    [delivered(1)],
    { paused: true },
    'WAIT',
    `${PAUSED}; new files on autopilot are not looked for`,
  ],
  [
    'all is paused, and the only source is off',
    [delivered(1)],
    { paused: true, sources: [source(AWAY)] },
    'SAFE',
    '1 file delivered',
  ],
  [
    'a source was not asked yet',
    [delivered(1)],
    { sources: [LISTED, { ...CAMERA, reason: 'not probed yet' }] },
    'WAIT',
    'camera is not probed yet',
  ],
  [
    'listing fails by a bad link, and is attempted again',
    [delivered(1)],
    { sources: [source({ listed: false, problem: 'no answer within 10 s', passes: true })] },
    'WAIT',
    'autopilot is not completely listed yet: no answer within 10 s; leave autopilot on',
  ],
  [
    'the vehicle went offline, and a part of it could not be listed',
    [delivered(1)],
    { sources: [source({ ...AWAY, listed: false, problem: 'DCIM: permission denied' })] },
    'ATTENTION',
    'autopilot cannot be listed completely: DCIM: permission denied; ' +
      'autopilot went offline before all of it was listed (no heartbeat)',
  ],
  [
    'the vehicle went offline while it was armed',
    [delivered(1)],
    { sources: [source({ ...AWAY, listed: false, leftArmed: true })] },
    'WAIT',
    'autopilot went offline while armed, and its flight is not listed yet (no heartbeat)',
  ],
  [
    'the vehicle went offline before it was listed',
    [delivered(1)],
    { sources: [source({ ...AWAY, listed: false })] },
    'WAIT',
    'autopilot went offline before all of it was listed (no heartbeat)',
  ],
  [
    'a file is still being written',
    [delivered(1)],
    { sources: [source({ growing: 1 })] },
    'WAIT',
    '1 file on autopilot may still be written; leave autopilot on',
  ],
  [
    'files stay until they are asked for',
    [skipped(1, ASKED), skipped(2, ASKED)],
    {},
    'SAFE',
    'nothing to deliver; 2 files stay on the source until asked for (`filesync fetch ID`)',
  ],
  ['files are older than the rule wants', [skipped(1, NEW), delivered(2)], {}, 'SAFE', '1 file delivered'],
  [
    'a file was gone before it was fetched',
    [fileRecord(1, { ...targets('pending'), source: { state: 'gone' } }), delivered(2)],
    {},
    'SAFE',
    '1 file delivered; 1 file VANISHED before it was fetched',
  ],
  [
    'all is paused, and a file is only on its source',
    [onSource(1)],
    { paused: true, waits: () => [wait({ code: 'paused', reason: 'paused' })] },
    'WAIT',
    `${PAUSED}; new files on autopilot are not looked for; 1 file waits: paused; leave autopilot on`,
  ],
  [
    'the disk of this computer is full',
    [onSource(1)],
    { waits: () => [FULL] },
    'ATTENTION',
    'no space for 1 file: the disk has 1 kB free: free 5 kB; ' +
      '1 file waits: autopilot: the disk has 1 kB free: free 5 kB (next attempt 12:32); leave autopilot on',
  ],
  [
    'a file could not be fetched',
    [fileRecord(1, { ...targets('pending'), givenUp: true, reason: 'no' }), delivered(2)],
    {},
    'ATTENTION',
    '1 file FAILED (`filesync files --state FAILED` says why, `filesync retry --failed` tries again); ' +
      '1 file delivered; leave autopilot on',
  ],
  [
    'a file could not be delivered, and is in local storage',
    [fileRecord(1, { ...here, ...targets('failed') })],
    {},
    'ATTENTION',
    '1 file FAILED (`filesync files --state FAILED` says why, `filesync retry --failed` tries again)',
  ],
  [
    'one target has refused a file for good, and the other waits for it',
    [fileRecord(1, { ...here, ...targets('pending', 'failed') }), onDisk(2)],
    {},
    'ATTENTION',
    '1 file FAILED on review alone (`filesync show ID` says why, `filesync retry ID` tries again); ' +
      '2 files are safe on this computer, not yet on archive: 2 files wait; autopilot may be switched off',
  ],
  [
    'a part of the source cannot be listed',
    [delivered(1)],
    { sources: [source({ listed: false, problem: 'DCIM: permission denied' })] },
    'ATTENTION',
    'autopilot cannot be listed completely: DCIM: permission denied; ' +
      'autopilot is not completely listed yet; leave autopilot on',
  ],
  [
    'the configuration of a device cannot work',
    [delivered(1)],
    { devices: [device('archive', 'port 14540 is taken', true)] },
    'ATTENTION',
    'archive: port 14540 is taken; 1 file delivered; offline: archive (port 14540 is taken)',
  ],
  [
    'the configuration was not reloaded',
    [delivered(1)],
    { configuration: 'rules[0]: no such device' },
    'ATTENTION',
    'the configuration was not reloaded: rules[0]: no such device; with the earlier one: 1 file delivered',
  ],
  [
    'the name of a file holds a line end',
    [onSource(1)],
    { transfers: [moving(onSource(1), { path: 'a\nb' })] },
    'WAIT',
    '1 under way: autopilot:a\\x0ab 40 % of 1.0 kB, 100 B/s; leave autopilot on',
    6,
  ],
];

describe('the verdict, whether a device may be switched off', () => {
  for (const [title, records, changes, code, text, seconds = null] of CASES)
    it(`${code}: ${title}`, () => {
      assert.deepEqual(verdictOf(records, changes), { code, text, seconds_left: seconds });
    });
});

const deliveryState = fc.constantFrom('pending', 'sending', 'committing', 'done', 'failed');
const record = fc.record({
  number: fc.nat(1_000_000),
  device: fc.constantFrom('autopilot', 'camera'),
  size: fc.nat(1e9),
  copy: fc.constantFrom('none', 'whole', 'evicted', 'fetching', 'partial'),
  source: fc.constantFrom('present', 'gone', 'removed'),
  states: fc.array(deliveryState, { minLength: 1, maxLength: 2 }),
  givenUp: fc.boolean(),
  skipped: fc.option(fc.constantFrom(ASKED, NEW)),
});
const text = fc.string({ unit: 'binary' });
const sourceNow = (name: string) =>
  fc.record({
    ...{ name: fc.constant(name), available: fc.boolean(), armed: fc.boolean(), reason: text },
    ...{ since: fc.nat(UP), seen: fc.boolean(), listed: fc.boolean(), leftArmed: fc.boolean() },
    ...{ growing: fc.nat(2), problem: fc.constantFrom('', 'denied\n') },
  });
const transferOf = fc.record({
  ...{ index: fc.nat(4), bytes: fc.nat(1e9), size: fc.nat(1e9), path: text },
  bytesPerSecond: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e9, noNaN: true })),
  target: fc.option(fc.constant('archive')),
});
const world = fc.record({
  records: fc.array(record, { maxLength: 5 }),
  sources: fc.tuple(sourceNow('autopilot'), sourceNow('camera')),
  transfers: fc.array(transferOf, { maxLength: 3 }),
  waits: fc.array(fc.record({ code: fc.constantFrom(...WAIT_CODES), reason: text }), { maxLength: 2 }),
  ...{ paused: fc.boolean(), running: fc.boolean(), inMemory: fc.boolean() },
  ...{ database: fc.constantFrom('', '', 'full\n'), configuration: fc.constantFrom('', '', 'wrong\r\n') },
});
type Drawn<Value> = Value extends fc.Arbitrary<infer Inner> ? Inner : never;

function recordOf({
  number,
  device: name,
  size,
  copy,
  source: state,
  states,
  ...rest
}: Drawn<typeof record>) {
  return fileRecord(number, {
    ...{ device: name, size, copy: { state: copy }, source: { state } },
    ...targets(...(states as 'done'[])),
    ...(rest.givenUp && { givenUp: true as const }),
    ...(rest.skipped !== null && { skipped: rest.skipped }),
  });
}

function judged({ records: drawn, transfers, waits, ...rest }: Drawn<typeof world>) {
  const records = drawn.map(recordOf);
  const running = transfers.flatMap(({ index, target, ...transfer }) => {
    const of = records[index];
    return of ? [{ id: of.id, device: of.device, ...transfer, ...(target !== null && { target }) }] : [];
  });
  const steps = waits.map(one => ({ ...one, stage: 'fetch' as const }));
  return { records, verdict: verdictOf(records, { ...rest, transfers: running, waits: () => steps }) };
}

describe('whatever is known, the verdict', () => {
  const holds = (property: (drawn: Drawn<typeof world>) => void) =>
    fc.assert(fc.property(world, property), { numRuns: 1000 });

  it('is never SAFE while a wanted file is only on a source that is there', () =>
    holds(drawn => {
      const { records, verdict } = judged(drawn);
      const there = new Set(drawn.sources.filter(({ available }) => available).map(({ name }) => name));
      const isExposed = (one: FileRecord) =>
        one.source.state === 'present' &&
        there.has(one.device) &&
        one.skipped === undefined &&
        !hasLocalCopy(one) &&
        !isDelivered(one);
      if (records.some(isExposed)) assert.notEqual(verdict.code, 'SAFE', verdict.text);
    }));

  it('is never SAFE while a source is armed, or not listed since its flight', () =>
    holds(drawn => {
      const { verdict } = judged(drawn);
      const isOpen = drawn.sources.some(one => one.armed || (one.seen && !one.listed));
      if (isOpen) assert.notEqual(verdict.code, 'SAFE', verdict.text);
    }));

  it('is ATTENTION while a target has refused a file for good', () =>
    holds(drawn => {
      const { records, verdict } = judged(drawn);
      const isRefused = (one: FileRecord) => one.source.state !== 'removed' && failedTargets(one).length > 0;
      if (records.some(isRefused)) assert.equal(verdict.code, 'ATTENTION', verdict.text);
    }));

  it('is one line, and its time is none or no less than 0', () =>
    holds(drawn => {
      const { verdict } = judged(drawn);
      assert.doesNotMatch(verdict.text, /\p{Cc}/u);
      assert.notEqual(verdict.text, '');
      assert.ok(verdict.seconds_left === null || verdict.seconds_left >= 0, String(verdict.seconds_left));
    }));
});
