import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fromSchema1, isSchema1, type FileRecord1 } from '../../../src/db/schema-1.js';
import { fileRecord, problemOf } from '../../../src/db/schema.js';
import { FileState, type Delivery, type FileRecord } from '../../../src/ports.js';

const { FOUND, DOWNLOADED, UPLOADED, REMOVED, PARTIAL, DOWNLOADING, UPLOADING, FAILED, VANISHED } = FileState;

const SAME = {
  id: '0123456789ab',
  device: 'autopilot',
  path: 'log/1.ulg',
  size: 1000,
  modified: 1_790_000_000_000,
  local: 'autopilot/log/1.ulg',
  description: '',
  foundAt: 1_790_000_000_001,
  updatedAt: 1_790_000_000_002,
};
const SHA256 = 'ab'.repeat(32);
const CHECKPOINT = { boot: '0e4c9e5e', synced: 239 };
const DELIVERED = { at: SAME.updatedAt, boot: '', up: 0, synced: true };
const DONE: Delivery = { state: 'done', path: 'a', verified: 'hash' };
const FAILED_DELIVERY: Delivery = { state: 'failed', reason: 'the server said no' };

const present = { state: 'present' } as const;
const none = { state: 'none' } as const;
const whole = { state: 'whole' } as const;

/** What a record of schema 1 says beside `SAME`, and what it becomes. */
type Case = readonly [string, Omit<Partial<FileRecord1>, keyof typeof SAME>, Partial<FileRecord>];

const CASES: readonly Case[] = [
  ['found', { state: FOUND }, { source: present, copy: none }],
  [
    'begun, then left',
    { state: FOUND, checkpoint: CHECKPOINT, reason: 'the link was lost' },
    { source: present, copy: { state: 'partial', checkpoint: CHECKPOINT }, reason: 'the link was lost' },
  ],
  [
    'being fetched',
    { state: DOWNLOADING, checkpoint: CHECKPOINT },
    { source: present, copy: { state: 'partial', checkpoint: CHECKPOINT } },
  ],
  ['being fetched in one piece', { state: DOWNLOADING }, { source: present, copy: none }],
  [
    'all of it has come, and is about to get its name',
    { state: DOWNLOADING, checkpoint: CHECKPOINT, sha256: SHA256 },
    { source: present, copy: { state: 'partial', checkpoint: CHECKPOINT }, sha256: SHA256 },
  ],
  [
    'all of a small file has come',
    { state: DOWNLOADING, sha256: SHA256, proof: { algorithm: 'md5', value: 'cd' } },
    { source: present, copy: { state: 'partial' }, sha256: SHA256, proof: { algorithm: 'md5', value: 'cd' } },
  ],
  [
    'downloaded',
    { state: DOWNLOADED, kept: true, sha256: SHA256, targets: { a: { state: 'pending' } } },
    { source: present, copy: whole, sha256: SHA256, targets: { a: { state: 'pending' } } },
  ],
  [
    'downloaded, no target wants it',
    { state: UPLOADED, kept: true, sha256: SHA256 },
    { source: present, copy: whole, sha256: SHA256, delivered: DELIVERED },
  ],
  [
    'being delivered',
    {
      state: UPLOADING,
      kept: true,
      targets: { a: { state: 'sending', path: 'x' }, b: { state: 'sending' } },
    },
    {
      source: present,
      copy: whole,
      targets: { a: { state: 'pending', path: 'x', tried: true }, b: { state: 'pending', tried: true } },
    },
  ],
  [
    'whether it arrived is not known',
    { state: UPLOADING, kept: true, targets: { a: { state: 'committing', path: 'x' } } },
    { source: present, copy: whole, targets: { a: { state: 'committing', path: 'x' } } },
  ],
  [
    'delivered in part, to be gone on with',
    { state: PARTIAL, kept: true, targets: { a: DONE, b: { state: 'pending', path: 'y', reason: 'full' } } },
    {
      source: present,
      copy: whole,
      targets: { a: DONE, b: { state: 'pending', path: 'y', reason: 'full', tried: true } },
    },
  ],
  [
    'delivered',
    { state: UPLOADED, kept: true, targets: { a: DONE } },
    { source: present, copy: whole, targets: { a: DONE }, delivered: DELIVERED },
  ],
  [
    'delivered, its copy removed',
    { state: UPLOADED, kept: false, targets: { a: DONE } },
    { source: present, copy: { state: 'evicted' }, targets: { a: DONE }, delivered: DELIVERED },
  ],
  [
    'delivered as a stream',
    { state: UPLOADED, via: 'stream', targets: { a: DONE } },
    { source: present, copy: none, via: 'stream', targets: { a: DONE }, delivered: DELIVERED },
  ],
  [
    'delivered, removed from the source and here',
    { state: REMOVED, kept: false, targets: { a: DONE } },
    {
      source: { state: 'removed' },
      copy: { state: 'evicted' },
      targets: { a: DONE },
      delivered: DELIVERED,
    },
  ],
  [
    'its copy was lost, it is to be fetched again for a target',
    { state: FOUND, kept: false, targets: { a: DONE, b: { state: 'pending' } } },
    { source: present, copy: none, targets: { a: DONE, b: { state: 'pending' } } },
  ],
  [
    'its copy was lost, a person asked for it again, and all targets have it',
    { state: FOUND, kept: false, targets: { a: DONE } },
    { source: present, copy: none, targets: { a: DONE } },
  ],
  ['gone', { state: VANISHED, kept: false }, { source: { state: 'gone' }, copy: none }],
  [
    'could not be fetched',
    { state: FAILED, reason: 'bad name', targets: { a: { state: 'pending' } } },
    { source: present, copy: none, givenUp: true, reason: 'bad name', targets: { a: { state: 'pending' } } },
  ],
  [
    'a target refused it',
    { state: FAILED, kept: true, reason: 'a: no', targets: { a: FAILED_DELIVERY, b: DONE } },
    { source: present, copy: whole, reason: 'a: no', targets: { a: FAILED_DELIVERY, b: DONE } },
  ],
  [
    'a target may hold it under a name, although the attempt failed',
    { state: FAILED, kept: true, targets: { a: { ...FAILED_DELIVERY, path: 'x' } } },
    { source: present, copy: whole, targets: { a: { ...FAILED_DELIVERY, path: 'x', tried: true } } },
  ],
];

describe('database: records of schema 1', () => {
  for (const [title, old, expected] of CASES) {
    it(title, () => {
      const record = old1(old);
      const before = structuredClone(record);
      const migrated = fromSchema1(record);
      assert.deepEqual(migrated, { ...SAME, targets: {}, ...expected });
      assert.equal(problemOf(fileRecord, migrated), undefined);
      assert.deepEqual(record, before, 'the old record stays as it was');
    });
  }

  it('keep what no version knows', () => {
    const richer = { ...old1({ state: FOUND }), thumbnail: 'a.png' };
    assert.deepEqual(fromSchema1(richer), { ...fromSchema1(old1({ state: FOUND })), thumbnail: 'a.png' });
  });

  it('differ from later ones, whatever they hold', () => {
    fc.assert(
      fc.property(anyRecord1, old => {
        const migrated = fromSchema1(old);
        assert.ok(isSchema1(old));
        assert.ok(!isSchema1(migrated));
        assert.equal(problemOf(fileRecord, migrated), undefined);
      }),
    );
  });

  it('are only those that are whole', () => {
    for (const value of [undefined, null, 1, 'x', [], {}, { state: FOUND }, { ...old1({}), size: -1 }])
      assert.equal(isSchema1(value), false);
  });
});

function old1(changes: Partial<FileRecord1>): FileRecord1 {
  return { ...SAME, state: FOUND, targets: {}, ...changes };
}

const optional = { requiredKeys: ['state' as const] };
const anyDelivery: fc.Arbitrary<Delivery> = fc.record(
  {
    state: fc.constantFrom('pending', 'sending', 'committing', 'done', 'failed'),
    path: fc.string(),
    location: fc.string(),
    verified: fc.constantFrom('hash', 'size', 'reply'),
    reason: fc.string(),
  },
  optional,
);
const anyRecord1: fc.Arbitrary<FileRecord1> = fc
  .record(
    {
      state: fc.constantFrom(
        FOUND,
        DOWNLOADED,
        UPLOADED,
        REMOVED,
        PARTIAL,
        DOWNLOADING,
        UPLOADING,
        FAILED,
        VANISHED,
      ),
      targets: fc.dictionary(fc.string(), anyDelivery),
      kept: fc.boolean(),
      checkpoint: fc.constant(CHECKPOINT),
      via: fc.constant('stream' as const),
      sha256: fc.constant(SHA256),
      reason: fc.string(),
    },
    optional,
  )
  .map(old1);
