import assert from 'node:assert/strict';
import { beyondLimits } from '../../../src/rules/retention.js';
import type { Delivery, FileRecord, Moment } from '../../../src/ports.js';
import type { Retention } from '../../../src/rules/rule.js';

const DAY = 86_400_000;
const NOW = 100 * DAY;

/** So many ms before the present, in this boot. */
const before = (ms: number): Moment => ({ at: NOW - ms, boot: 'b', up: 50 * DAY - ms, synced: true });

function record(id: string, over: Partial<FileRecord> = {}): FileRecord {
  return {
    ...{ id, device: 'autopilot', path: `${id}.ulg`, local: `autopilot/${id}.ulg`, description: '' },
    ...{ foundAt: NOW - 10 * DAY, updatedAt: NOW - 5 * DAY, delivered: before(5 * DAY) },
    ...{
      size: 100,
      source: { state: 'present' },
      copy: { state: 'whole' },
      targets: { ftp: { state: 'done' } },
    },
    ...over,
  };
}

const inState = (...states: Delivery['state'][]): Partial<FileRecord> => ({
  targets: Object.fromEntries(states.map((state, index) => [`target${index}`, { state }])),
});

const idsOf = (records: FileRecord[], retention: Retention) =>
  beyondLimits(records, () => retention).map(({ id }) => id);

describe('retention', () => {
  it('anything but size: nothing exceeds it', () => {
    for (const kind of ['keep', 'delete'] as const) assert.deepEqual(idsOf([record('a')], { kind }), []);
    assert.deepEqual(idsOf([record('a')], { kind: 'age', ms: 0 }), []);
  });

  it('size: what has no local copy takes no room', () => {
    const gone = record('gone', { copy: { state: 'evicted' } });
    assert.deepEqual(idsOf([gone, record('there')], { kind: 'size', bytes: 100 }), []);
  });

  it('size: what was delivered first goes first, until the rest fits', () => {
    const records = [3, 1, 2].map(age => record(`age${age}`, { delivered: before(age * DAY) }));
    const going = (bytes: number) => idsOf(records, { kind: 'size', bytes });
    assert.deepEqual(going(300), []);
    assert.deepEqual(going(299), ['age3']);
    assert.deepEqual(going(200), ['age3']);
    assert.deepEqual(going(100), ['age3', 'age2']);
    assert.deepEqual(going(0), ['age3', 'age2', 'age1']);
  });

  it('size: of those delivered together, what was found first goes first', () => {
    const found = (age: number, over: Partial<FileRecord>) =>
      record(`found${age}`, { foundAt: NOW - age * DAY, ...over });
    const together = [2, 3, 1].map(age => found(age, { delivered: before(DAY) }));
    assert.deepEqual(idsOf(together, { kind: 'size', bytes: 100 }), ['found3', 'found2']);
  });

  it('size: what is not delivered takes room but stays', () => {
    const { delivered: _, ...waiting } = record('waiting', { ...inState('done', 'pending'), size: 1000 });
    assert.deepEqual(idsOf([waiting, record('done')], { kind: 'size', bytes: 500 }), ['done']);
  });

  it('size: each rule has its own room', () => {
    const rooms: Record<string, Retention> = {
      small: { kind: 'size', bytes: 100 },
      large: { kind: 'size', bytes: 100 },
    };
    const records = [record('small'), record('large')];
    const retentionOf = ({ id }: FileRecord): Retention => rooms[id] ?? { kind: 'delete' };
    assert.deepEqual(beyondLimits(records, retentionOf), []);
  });
});
