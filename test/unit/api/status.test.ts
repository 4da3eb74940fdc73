import assert from 'node:assert/strict';
import * as schema from '../../../src/api/schema.js';
import { describeStatus, type StatusParts } from '../../../src/api/status.js';
import type { FileRecord } from '../../../src/ports.js';
import type { RunningTransfer } from '../../../src/record/progress.js';
import type { StepWait } from '../../../src/record/wait.js';
import { withLocalTimes } from '../../../src/system/short-time.js';
import { fileRecord } from '../../fakes/file-record.js';

const NOON = new Date(2026, 10, 29, 12, 31).getTime();
const UP = 10_000_000;
const clock = { now: () => NOON, monotonic: () => UP };
const MINUTE = 60_000;

const pending = (number: number): FileRecord =>
  fileRecord(number, { targets: { archive: { state: 'pending' } } });
const done = (number: number): FileRecord => fileRecord(number, { targets: { archive: { state: 'done' } } });
const failed = (number: number): FileRecord => fileRecord(number, { givenUp: true, reason: 'no' });

const OFFLINE: StepWait = {
  ...{ stage: 'deliver', target: 'archive', code: 'offline', reason: 'connection refused' },
  since: UP - 30 * MINUTE,
};
const KEPT: StepWait = { stage: 'evict', code: 'kept', reason: 'the local copy stays' };
const ARMED: StepWait = { stage: 'fetch', code: 'armed', reason: 'the vehicle is armed', since: UP - MINUTE };
const AGAIN: StepWait = { stage: 'fetch', code: 'back_off', reason: 'timed out', until: UP + 2 * MINUTE };
const QUEUED: StepWait = { stage: 'fetch', code: 'queue', reason: 'waits for its turn' };

const transfer = (number: number, changes: Partial<RunningTransfer> = {}): RunningTransfer => {
  const { id, device, path } = pending(number);
  return { id, device, path, bytes: 41_000, size: 100_000, bytesPerSecond: 1000, ...changes };
};

function statusOf(records: readonly FileRecord[], changes: Partial<StatusParts> = {}) {
  const parts = { devices: [], transfers: [], waits: () => [], paused: false, database: '', clock, records };
  return describeStatus({ ...parts, ...changes });
}

const waitingFor =
  (wait: StepWait): StatusParts['waits'] =>
  () => [wait];

describe('the verdict', () => {
  const away = { name: 'cam', type: 'disk', available: false, reason: 'no drive', armed: false, since: 0 };
  const cases: readonly [
    string,
    readonly FileRecord[],
    Partial<StatusParts>,
    string,
    RegExp,
    number | null,
  ][] = [
    ['nothing yet', [], {}, 'SAFE', /^no files yet$/, null],
    ['all is there', [done(1), done(2)], {}, 'SAFE', /^all 2 files delivered$/, null],
    [
      'a device is away',
      [done(1)],
      { devices: [away] },
      'SAFE',
      /^1 file delivered; offline: cam \(no drive\)$/,
      null,
    ],
    [
      'a target is offline',
      [pending(1), pending(2), pending(3)],
      { waits: waitingFor(OFFLINE) },
      'WAIT',
      /^3 files wait: archive offline since 12:01 \(connection refused\)$/,
      null,
    ],
    [
      'one file waits',
      [pending(1)],
      { waits: waitingFor(ARMED) },
      'WAIT',
      /^1 file waits: autopilot: the vehicle is armed since 12:30$/,
      null,
    ],
    [
      'an attempt failed',
      [pending(1)],
      { waits: waitingFor(AGAIN) },
      'WAIT',
      /timed out \(next attempt 12:33\)$/,
      null,
    ],
    [
      'paused',
      [pending(1)],
      { paused: true },
      'WAIT',
      /^all work is paused \(Resume on the page.*\); 1 file waits: paused$/,
      null,
    ],
    [
      'one transfer is under way',
      [pending(1)],
      { transfers: [transfer(1)] },
      'WAIT',
      /^1 under way: autopilot:2026-11-22\/1\.ulg 41 % of 100\.0 kB, 1\.0 kB\/s$/,
      59,
    ],
    [
      'another waits behind it',
      [pending(1), pending(2)],
      { transfers: [transfer(1)], waits: ({ id }) => (id === pending(2).id ? [QUEUED] : []) },
      'WAIT',
      /1 under way: .*; 1 file waits: autopilot: waits for its turn$/,
      61,
    ],
    [
      'a stalled transfer has no end',
      [pending(1)],
      { transfers: [transfer(1, { bytesPerSecond: 0 })] },
      'WAIT',
      /0 B\/s$/,
      null,
    ],
    [
      'nothing can be recorded',
      [pending(1)],
      { database: 'the disk is full' },
      'ATTENTION',
      /^the database: the disk is full$/,
      null,
    ],
    [
      'a failure needs a person',
      [failed(1), done(2)],
      {},
      'ATTENTION',
      /^1 file FAILED \(`filesync files --state FAILED`/,
      null,
    ],
    [
      'a failure comes before what waits',
      [failed(1), pending(2)],
      { waits: waitingFor(OFFLINE) },
      'ATTENTION',
      /^1 file FAILED .*; 1 file waits: archive/,
      null,
    ],
    [
      'what is kept waits for nothing',
      [done(1)],
      { waits: waitingFor(KEPT) },
      'SAFE',
      /^1 file delivered$/,
      null,
    ],
  ];
  for (const [title, records, changes, code, text, seconds] of cases)
    it(title, () => {
      const { verdict } = statusOf(records, changes);
      assert.equal(verdict.code, code);
      assert.match(withLocalTimes(verdict.text, clock.now()), text);
      assert.equal(verdict.seconds_left, seconds);
    });
});

describe('a status', () => {
  it('groups what waits for the same, with files and bytes', () => {
    const waits: StatusParts['waits'] = ({ id }) => [id === pending(3).id ? QUEUED : OFFLINE];
    const { waiting } = statusOf([pending(1), pending(2), pending(3)], { waits });
    assert.deepEqual(
      waiting.map(({ device, stage, code, files, bytes }) => ({ device, stage, code, files, bytes })),
      [
        { device: 'archive', stage: 'deliver', code: 'offline', files: 2, bytes: 2003 },
        { device: 'autopilot', stage: 'fetch', code: 'queue', files: 1, bytes: 1003 },
      ],
    );
    assert.equal(waiting[0]?.since, new Date(NOON - 30 * MINUTE).toISOString());
  });

  it('has the form of the schema, whatever is in it', () => {
    const changes = {
      transfers: [transfer(1), transfer(2, { target: 'archive', size: 0, bytes: 0 })],
      waits: waitingFor(AGAIN),
    };
    const status = statusOf([pending(1), done(2), failed(3)], changes);
    const notifications = [{ to: 'notify[0] (h)', reason: 'no answer', since: new Date(NOON).toISOString() }];
    const rest = { version: '1', running: true, running_since: null, disk: null, notifications, web: '' };
    assert.deepEqual(schema.status.parse({ ...status, ...rest }), { ...status, ...rest });
  });
});
