import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fileRecord as schema, problemOf } from '../../src/db/schema.js';
import type { FileEvent } from '../../src/record/events.js';
import { apply } from '../../src/record/record.js';
import { reasonOf, stateName, stateOf } from '../../src/record/state.js';
import { FileState, type FileRecord, type Moment } from '../../src/ports.js';
import { fileRecord } from '../fakes/file-record.js';
import { isAllDone } from './referee.js';
import { report, runsFor } from './runs.js';

/** ms for which runs are made where the environment does not say how many. */
const LIMIT_MS = 4_000;

const name = fc.constantFrom('ftp', 'dav', 'web');
const hash = fc.constantFrom('a'.repeat(64), 'b'.repeat(64));
const digested = fc.record(
  {
    sha256: hash,
    proof: fc.record({
      algorithm: fc.constantFrom('crc32-mavlink' as const),
      value: fc.constantFrom('00c0ffee'),
    }),
  },
  { requiredKeys: [] },
);
const reason = fc.constantFrom('', 'no route', 'refused');
const moment: fc.Arbitrary<Moment> = fc.record({
  at: fc.integer({ min: 0, max: 2_000_000_000_000 }),
  boot: fc.constantFrom('', 'one', 'two'),
  up: fc.nat(1_000_000),
  synced: fc.boolean(),
});
const type = <Type extends FileEvent['type']>(one: Type) => fc.constant(one);
const paths = fc.dictionary(name, fc.constantFrom(undefined, 'x/a.ulg'));

const events: readonly fc.Arbitrary<FileEvent>[] = [
  fc.record({ type: type('Found'), record: fc.constant(fileRecord(2)) }),
  fc.record({ type: fc.constantFrom('SeenAgain' as const, 'Gone' as const), asOf: fc.nat(1000) }),
  fc.record(
    {
      type: type('Planned'),
      paths,
      via: fc.constant('stream' as const),
      skipped: fc.constant('fetch: asked'),
    },
    { requiredKeys: ['type', 'paths'] },
  ),
  fc.record({ type: type('FetchBegan'), local: fc.constantFrom('cam/a', 'cam/b') }),
  fc.record({
    type: type('Checkpointed'),
    checkpoint: fc.record({ boot: fc.constant('one'), synced: fc.nat(1000) }),
  }),
  fc.record({ type: type('Hashed'), local: fc.constant('cam/a'), sha256: hash }),
  fc.constantFrom<FileEvent[]>(
    ...([{ type: 'Fetched' }, { type: 'NotRecovered' }, { type: 'Distinguished' }] as const),
    ...([{ type: 'Removed' }, { type: 'Evicted' }, { type: 'Retried' }, { type: 'Asked' }] as const),
    { type: 'Restarted' },
  ),
  fc.record({ type: type('FetchFailed'), reason, outcome: fc.constantFrom('retry', 'failed', 'gone') }),
  fc.record({ type: fc.constantFrom('Mismatched' as const, 'CopyLost' as const), reason }),
  fc
    .tuple(digested, fc.subarray(['ftp', 'dav', 'web']))
    .map(([one, names]) => ({ type: 'Recognised' as const, earlier: delivered(names), ...one })),
  fc.record({ type: type('DeliveryBegan'), target: name, path: fc.constant('x/a.ulg') }),
  fc
    .tuple(name, digested)
    .map(([target, one]) => ({ type: 'Committing' as const, target, path: 'x/a.ulg', ...one })),
  fc.tuple(name, digested).map(([target, one]) => ({
    ...{ type: 'Delivered' as const, target, path: 'x/a.ulg', ...one },
    receipt: { location: 'ftp://x/a.ulg', verified: 'size' as const },
  })),
  fc.record({
    ...{ type: type('DeliveryFailed'), target: name, reason, unanswered: fc.boolean() },
    outcome: fc.constantFrom('retry', 'failed'),
  }),
  fc.record({ type: type('RemovalFailed'), reason, outcome: fc.constantFrom('retry', 'failed') }),
  fc.record({
    type: type('Edited'),
    edit: fc.record(
      {
        state: fc.constantFrom(FileState.FOUND, FileState.DOWNLOADED, FileState.FAILED),
        description: fc.constant('other'),
        targets: fc.subarray(['ftp', 'dav', 'web'], { minLength: 1 }),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record({ type: type('Prioritised'), first: fc.nat(9) }),
  fc.record({ type: type('DeliveryLost'), target: name, reason }),
  fc.record({ type: type('CopyWanted') }),
  fc.record({ type: type('CopyUnwanted') }),
  fc.record({ type: type('ClockSet'), delta: fc.integer(), since: fc.nat() }),
];

function delivered(names: readonly string[]): FileRecord {
  const done = { state: 'done', path: 'x/earlier.ulg', verified: 'size' } as const;
  return fileRecord(9, { targets: Object.fromEntries(names.map(one => [one, done])) });
}

const start = fc
  .subarray(['ftp', 'dav', 'web'], { minLength: 1 })
  .map(names =>
    fileRecord(1, { targets: Object.fromEntries(names.map(one => [one, { state: 'pending' }])) }),
  );

describe('Record of a file, whatever is said of it', () => {
  it('stays a valid record, takes no delivery back, and restarts but once', function () {
    this.timeout(0);
    const { parameters } = runsFor<[FileRecord, [FileEvent, Moment][]]>(LIMIT_MS);
    const story = fc.array(fc.tuple(fc.oneof(...events), moment), { maxLength: 30 });
    const details = fc.check(fc.property(start, story, follow), parameters);
    report(details);
    assert.ok(details.numRuns > 0);
  });
});

function follow(first: FileRecord, story: [FileEvent, Moment][]): void {
  let record = first;
  for (const [event, now] of story) {
    const next = apply(record, event, now);
    assert.ok(next);
    assert.equal(problemOf(schema, next), undefined);
    assert.notEqual(stateName(stateOf(next)), String(stateOf(next)));
    assert.equal(typeof reasonOf(next), 'string');
    assert.deepEqual(
      Object.keys(next.former ?? {}).filter(one => one in next.targets),
      [],
    );
    if (!mayTakeBack(event))
      assert.deepEqual(
        doneIn(record).filter(one => !doneIn(next).includes(one)),
        [],
      );
    assert.equal(next.delivered !== undefined, isAllDone(next));
    const rested = apply(next, { type: 'Restarted' }, now);
    assert.equal(apply(rested, { type: 'Restarted' }, now), rested);
    assertAtRest(rested);
    record = next;
  }
}

/** A target that is not named any more is remembered with what it has. */
const deliveriesOf = ({ targets, former }: FileRecord): FileRecord['targets'] => ({ ...former, ...targets });

const doneIn = (record: FileRecord): string[] =>
  Object.entries(deliveriesOf(record)).flatMap(([name, { state }]) => (state === 'done' ? [name] : []));

/** Only a person can: by asking for it to be delivered again, or by verifying a target. */
const mayTakeBack = (event: FileEvent): boolean =>
  event.type === 'DeliveryLost' || (event.type === 'Edited' && event.edit.state === FileState.DOWNLOADED);

function assertAtRest(record: FileRecord | undefined): void {
  assert.ok(record);
  assert.notEqual(record.copy.state, 'fetching');
  for (const { state } of Object.values(deliveriesOf(record))) assert.notEqual(state, 'sending');
}
