import assert from 'node:assert/strict';
import { stepsFor } from '../../../src/engine/steps.js';
import type { FileEvent } from '../../../src/record/events.js';
import { isHeld } from '../../../src/record/other-bytes.js';
import { apply } from '../../../src/record/record.js';
import { stateName, stateOf } from '../../../src/record/state.js';
import { FileState, type Delivery, type FileRecord, type Moment } from '../../../src/ports.js';
import { camRecord } from '../../fakes/file-record.js';

const NOW: Moment = { at: 5, boot: 'b', up: 5, synced: true };
const done: Delivery = { state: 'done', path: 'cam/a.ulg', verified: 'hash', at: 1 };
const pending: Delivery = { state: 'pending' };
const lost: Delivery = {
  ...{ state: 'failed', path: 'cam/a.ulg', tried: true },
  ...{ reason: 'it may have arrived', failures: 1, at: 2 },
};
const planned = (...targets: readonly string[]) => ({
  type: 'Planned' as const,
  paths: Object.fromEntries(targets.map(name => [name, undefined])),
});
const edited = (...targets: readonly string[]): FileEvent => ({ type: 'Edited', edit: { targets } });
const record = (targets: FileRecord['targets'], changes: Partial<FileRecord> = {}): FileRecord =>
  camRecord(10, { copy: { state: 'whole' }, sha256: 'ab'.repeat(32), targets, ...changes });
const after = (from: FileRecord, ...events: readonly FileEvent[]): FileRecord =>
  events.reduce<FileRecord>((one, event) => apply(one, event, NOW) ?? one, from);
const stateAfter = (one: FileRecord): string => stateName(stateOf(one));
const steps = (one: FileRecord): string[] => stepsFor(one, undefined).map(({ kind }) => kind);

describe('a target that is named again', () => {
  it('has the delivery that it had before, whether rules or a person took it out', () => {
    for (const [out, back] of [
      [planned('ftp'), planned('ftp', 'web')],
      [edited('ftp'), edited('ftp', 'web')],
      [planned('ftp'), edited('ftp', 'web')],
    ] as const) {
      const without = after(record({ web: lost, ftp: pending }), out);
      assert.deepEqual([without.targets, without.former], [{ ftp: pending }, { web: lost }]);
      const again = after(without, { type: 'Restarted' }, back);
      assert.deepEqual([again.targets.web, again.former], [lost, undefined]);
    }
  });

  it('is asked first where an attempt was under way when it was taken out', () => {
    const sending: Delivery = { state: 'sending', path: 'cam/a.ulg', tried: true };
    const one = after(record({ web: sending, ftp: pending }), planned('ftp'));
    assert.deepEqual(one.former, { web: { state: 'pending', path: 'cam/a.ulg', tried: true } });
  });

  it('knows how an attempt ended that went on meanwhile', () => {
    const one = after(record({ web: pending, ftp: pending }), planned('ftp'));
    const reason = 'refused';
    const failed: FileEvent = {
      ...{ type: 'DeliveryFailed', target: 'web', reason, outcome: 'failed', unanswered: false },
    };
    const { targets, former } = after(one, failed);
    assert.deepEqual([Object.keys(targets), former?.web?.state], [['ftp'], 'failed']);
    const path = 'cam/a.ulg';
    const receipt = { location: path, verified: 'reply' } as const;
    const delivered = after(one, { type: 'Delivered', target: 'web', path, receipt });
    assert.deepEqual([delivered.targets.web?.state, delivered.former], ['done', undefined]);
  });

  it('keeps the hash of what it got', () => {
    const one = after(record({ web: done, ftp: pending }), edited('ftp'));
    assert.deepEqual([one.former, isHeld(one)], [{ web: done }, true]);
  });

  it('has its times corrected with all others', () => {
    const one = after(record({ web: lost, ftp: pending }), planned('ftp'));
    const set = after(one, { type: 'ClockSet', delta: 3, since: 0 });
    assert.equal(set.former?.web?.at, 5);
  });
});

describe('a target that a delivered file was owed', () => {
  const both = { review: done, ftp: pending };
  const dropped = (changes: Partial<FileRecord> = {}) => after(record(both, changes), planned('review'));

  it('gets it when it is named again', () => {
    assert.equal(stateAfter(dropped()), 'UPLOADED');
    const one = after(dropped(), planned('review', 'ftp'));
    assert.deepEqual(
      [one.targets, one.former, one.delivered, stateAfter(one), steps(one)],
      [both, undefined, undefined, 'PARTIAL', ['deliver']],
    );
  });

  it('gets it from the source where no local copy is left', () => {
    const one = after(dropped(), { type: 'Evicted' }, planned('review', 'ftp'));
    assert.deepEqual(steps(one), ['fetch']);
  });

  it('gets it from the local copy where the source has it no more', () => {
    for (const state of ['gone', 'removed'] as const) {
      const one = after({ ...dropped(), source: { state } }, planned('review', 'ftp'));
      assert.deepEqual([one.source.state, steps(one)], ['gone', ['deliver']]);
    }
  });

  it('does not get it where nobody has its bytes any more, or the rules do not want them now', () => {
    const gone = after({ ...dropped(), source: { state: 'removed' } }, { type: 'Evicted' });
    assert.equal(after(gone, planned('review', 'ftp')), gone);
    const [one, skipped] = [dropped(), 'fetch: asked'];
    assert.equal(after(one, { ...planned('review', 'ftp'), skipped }), one);
  });

  it('does not leave the file FAILED while no rule names it, even if a person gave it up', () => {
    const given: FileEvent = { type: 'Edited', edit: { state: FileState.FAILED } };
    const one = after(record(both), given, planned('review'));
    assert.deepEqual([stateAfter(one), one.reason, one.givenUp], ['UPLOADED', undefined, undefined]);
    assert.equal(stateAfter(after(one, planned('review', 'ftp'))), 'FAILED');
  });

  it('is not one that is new to the rules', () => {
    const delivered = after(record({ review: done }), planned('review'));
    assert.equal(after(delivered, planned('review', 'ftp')), delivered);
  });
});
