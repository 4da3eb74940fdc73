import assert from 'node:assert/strict';
import type { FileRecord, Moment } from '../../../src/ports.js';
import type { FileEvent } from '../../../src/record/events.js';
import { apply } from '../../../src/record/record.js';
import { stateName, stateOf } from '../../../src/record/state.js';
import { stepsFor } from '../../../src/engine/steps.js';
import { camRecord } from '../../fakes/file-record.js';

const NOW: Moment = { at: 5, boot: 'b', up: 5, synced: true };
const SHA = 'ab'.repeat(32);
const done = { state: 'done', path: 'cam/a.ulg', location: 'ftp://x', verified: 'hash', at: 1 } as const;
const record = (changes: Partial<FileRecord> = {}): FileRecord =>
  camRecord(10, {
    ...{ copy: { state: 'whole' }, sha256: SHA, targets: { ftp: done }, delivered: NOW },
    ...changes,
  });
const after = (from: FileRecord, ...events: readonly FileEvent[]): FileRecord =>
  events.reduce<FileRecord>((one, event) => apply(one, event, NOW) ?? one, from);
const steps = (one: FileRecord) => stepsFor(one, undefined).map(({ kind }) => kind);

const lost: FileEvent = { type: 'DeliveryLost', target: 'ftp', reason: 'the file is missing' };
const copyLost: FileEvent = { type: 'CopyLost', reason: 'gone' };
const wanted: FileEvent = { type: 'CopyWanted' };

describe('a delivery that a target has lost', () => {
  it('waits again, under its name, and the target is asked first', () => {
    const one = after(record(), lost);
    assert.deepEqual(one.targets['ftp'], {
      ...{ state: 'pending', tried: true, path: 'cam/a.ulg', reason: 'the file is missing' },
    });
    assert.deepEqual([one.delivered, steps(one)], [undefined, ['deliver']]);
  });

  it('can be made again after the file was removed from its source', () => {
    const one = after(record({ source: { state: 'removed' } }), lost);
    assert.deepEqual([stateName(stateOf(one)), steps(one)], ['DOWNLOADED', ['deliver']]);
  });

  it('is none where the target never had it', () => {
    const one = record({ targets: { ftp: { state: 'pending' } } });
    assert.equal(apply(one, lost, NOW), one);
  });
});

describe('the lost local copy of a delivered file', () => {
  it('is fetched again, and the file stays delivered', () => {
    const one = after(record(), copyLost, wanted);
    assert.deepEqual([stateName(stateOf(one)), steps(one)], ['UPLOADED', ['fetch']]);
    const begun = after(one, { type: 'FetchBegan', local: 'cam/a.ulg' });
    const whole = after(begun, { type: 'Hashed', local: 'cam/a.ulg', sha256: SHA }, { type: 'Fetched' });
    assert.deepEqual([whole.copy.state, whole.restore, steps(whole)], ['whole', undefined, []]);
    assert.equal(whole.targets['ftp'], done);
  });

  it('is given up without a change to the delivery', () => {
    const failed: FileEvent = { type: 'FetchFailed', reason: 'refused', outcome: 'failed' };
    const one = after(record(), copyLost, wanted, { type: 'FetchBegan', local: 'cam/a.ulg' }, failed);
    assert.deepEqual([stateName(stateOf(one)), one.reason, steps(one)], ['UPLOADED', 'refused', []]);
  });

  it('is not wanted where nobody asks, or the source has it no more', () => {
    assert.deepEqual(steps(after(record(), copyLost)), []);
    const gone = after(record({ source: { state: 'gone' } }), copyLost, wanted);
    assert.deepEqual([gone.restore, steps(gone)], [undefined, []]);
  });
});
