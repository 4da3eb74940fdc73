import assert from 'node:assert/strict';
import { expired } from '../../../src/local/retention.js';
import { FileState, type FileRecord } from '../../../src/ports.js';
import type { Retention } from '../../../src/rules/rule.js';

const DAY = 86_400_000;
const NOW = 100 * DAY;

function record(id: string, over: Partial<FileRecord> = {}): FileRecord {
  const base = { id, device: 'autopilot', path: `${id}.ulg`, local: `autopilot/${id}.ulg`, description: '' };
  const times = { foundAt: NOW - 10 * DAY, updatedAt: NOW - 5 * DAY };
  return { ...base, ...times, size: 100, state: FileState.UPLOADED, kept: true, targets: {}, ...over };
}

const idsOf = (records: FileRecord[], retention: Retention) =>
  expired(records, () => retention, NOW).map(({ id }) => id);

describe('retention', () => {
  const states = [
    record('uploaded'),
    record('removed', { state: FileState.REMOVED }),
    record('gone', { kept: false }),
    record('downloaded', { state: FileState.DOWNLOADED }),
    record('partial', { state: FileState.PARTIAL }),
    record('uploading', { state: FileState.UPLOADING }),
    record('failed', { state: FileState.FAILED }),
    record('found', { state: FileState.FOUND }),
  ];

  it('keep: nothing goes', () => assert.deepEqual(idsOf(states, { kind: 'keep' }), []));

  it('delete: what every target has goes, and nothing else', () => {
    assert.deepEqual(idsOf(states, { kind: 'delete' }), ['uploaded', 'removed']);
  });

  it('age: goes when it has been done for that long', () => {
    const records = [record('old'), record('new', { updatedAt: NOW - 5 * DAY + 1 })];
    assert.deepEqual(idsOf(records, { kind: 'age', ms: 5 * DAY }), ['old']);
    assert.deepEqual(idsOf(states, { kind: 'age', ms: 0 }), ['uploaded', 'removed']);
  });

  it('size: the oldest go until the rest fits', () => {
    const records = [3, 1, 2].map(age => record(`age${age}`, { updatedAt: NOW - age * DAY }));
    assert.deepEqual(idsOf(records, { kind: 'size', bytes: 300 }), []);
    assert.deepEqual(idsOf(records, { kind: 'size', bytes: 299 }), ['age3']);
    assert.deepEqual(idsOf(records, { kind: 'size', bytes: 100 }), ['age3', 'age2']);
    assert.deepEqual(idsOf(records, { kind: 'size', bytes: 0 }), ['age3', 'age2', 'age1']);
  });

  it('size: what is not delivered takes room but stays', () => {
    const waiting = record('waiting', { state: FileState.PARTIAL, size: 1000 });
    assert.deepEqual(idsOf([waiting, record('done')], { kind: 'size', bytes: 500 }), ['done']);
  });

  it('size: each rule has its own room', () => {
    const rooms: Record<string, Retention> = {
      small: { kind: 'size', bytes: 100 },
      large: { kind: 'size', bytes: 100 },
    };
    const records = [record('small'), record('large')];
    const retentionOf = ({ id }: FileRecord): Retention => rooms[id] ?? { kind: 'delete' };
    assert.deepEqual(expired(records, retentionOf, NOW), []);
  });
});
