import assert from 'node:assert/strict';
import type { Change, FileRecord, SourceRecord, Store } from '../../src/ports.js';
import { fileRecord } from '../fakes/file-record.js';
import { defineSuite, eventually, failsWith, openHandles } from './support.js';

export interface StoreBench {
  /** Opens the store, or opens it again after it was closed: with what it held then. */
  open(): Promise<Store>;
  close(): Promise<void>;
}

/** What every store must do. */
export function storeConformance(name: string, setup: () => Promise<StoreBench>): void {
  defineSuite(name, CASES, setup, {});
}

const CASES = {
  'a new one is empty': async bench => {
    const store = await bench.open();
    assert.deepEqual([...store.all()], []);
    assert.equal(store.get(fileRecord(1).id), undefined);
    assert.deepEqual(store.versions('autopilot', 'a'), []);
    await store.close();
  },

  'a change is visible at once, before it is durable': async bench => {
    const store = await bench.open();
    const durable = store.put(fileRecord(1));
    assert.deepEqual(store.get(fileRecord(1).id), fileRecord(1));
    await durable;
    const gone = store.delete(fileRecord(1).id);
    assert.equal(store.get(fileRecord(1).id), undefined);
    await gone;
    await store.close();
  },

  'records come in the order in which they were found, whatever changes later': async bench => {
    const store = await bench.open();
    for (const number of [3, 1, 2]) await store.put(fileRecord(number));
    await store.put(fileRecord(3, { copy: { state: 'whole' } }));
    assert.deepEqual(ids(store), idsOf(3, 1, 2));
    await store.delete(fileRecord(3).id);
    await store.put(fileRecord(3));
    assert.deepEqual(ids(store), idsOf(1, 2, 3));
    await store.close();
    assert.deepEqual(await idsAfterReopening(bench), idsOf(1, 2, 3));
  },

  'a listing can be gone through more than once, and while records change': async bench => {
    const store = await bench.open();
    for (const number of [1, 2, 3]) await store.put(fileRecord(number));
    const all = store.all();
    assert.deepEqual([...all], [...all]);
    for (const record of all) await store.put({ ...record, size: 7 });
    assert.deepEqual(
      [...store.all()].map(record => record.size),
      [7, 7, 7],
    );
    for (const record of store.all()) await store.delete(record.id);
    assert.deepEqual(ids(store), []);
    await store.close();
  },

  'a note is visible and reported at once, like a change': async bench => {
    const store = await bench.open();
    const seen: Change[] = [];
    store.changes.subscribe(change => seen.push(change));
    const [first, second] = [fileRecord(1), fileRecord(1, { reason: 'the link was lost' })];
    const { id } = first;
    store.note(first);
    store.note(second, 'soon');
    assert.deepEqual(seen, [
      { id, record: first },
      { id, record: second, previous: first },
    ]);
    assert.deepEqual([...store.all()], [second]);
    assert.deepEqual(store.versions('autopilot', second.path), [second]);
    await store.close();
  },

  'close makes notes durable, too': async bench => {
    const store = await bench.open();
    await store.put(fileRecord(1));
    store.note(fileRecord(1, { size: 1 }));
    store.note(fileRecord(2, { size: 2 }), 'soon');
    store.note(fileRecord(3, { size: 3 }));
    await store.close();
    const sizes = await reopened(bench, again => [...again.all()].map(record => record.size));
    assert.deepEqual(sizes, [1, 2, 3]);
  },

  'of notes and changes of one record, the latest counts': async bench => {
    const store = await bench.open();
    store.note(fileRecord(1, { size: 1 }), 'soon');
    await store.put(fileRecord(1, { size: 2 }));
    const changed = store.put(fileRecord(2, { size: 1 }));
    store.note(fileRecord(2, { size: 2 }));
    await changed;
    store.note(fileRecord(3));
    await store.delete(fileRecord(3).id);
    assert.equal(store.get(fileRecord(2).id)?.size, 2);
    await store.close();
    const sizes = await reopened(bench, again => [...again.all()].map(record => record.size));
    assert.deepEqual(sizes, [2, 2]);
  },

  'sources are kept by device': async bench => {
    const store = await bench.open();
    assert.equal(store.source('autopilot'), undefined);
    const durable = store.putSource(SOURCE);
    assert.deepEqual(store.source('autopilot'), SOURCE);
    await durable;
    await store.putSource({ device: 'камера', scannedAt: 5, volume: '1234-ABCD' });
    await store.putSource({ ...SOURCE, volume: 'x' });
    await store.close();
    const sources = await reopened(bench, again =>
      ['autopilot', 'камера', 'none'].map(device => again.source(device)),
    );
    const expected = [
      { ...SOURCE, volume: 'x' },
      { device: 'камера', scannedAt: 5, volume: '1234-ABCD' },
    ];
    assert.deepEqual(sources, [...expected, undefined]);
  },

  'archived records leave the others, and come back in the order in which they were archived':
    async bench => {
      const store = await bench.open();
      const records = [FULL, fileRecord(1), fileRecord(2), fileRecord(3)];
      for (const record of records) await store.put(record);
      const seen: Change[] = [];
      store.changes.subscribe(change => seen.push(change));
      await store.archive([fileRecord(3).id]);
      await store.archive([FULL.id, fileRecord(1).id, fileRecord(9).id]);
      await store.archive([]);
      const archived = [fileRecord(3), FULL, fileRecord(1)];
      assert.deepEqual(
        seen,
        archived.map(record => ({ id: record.id, previous: record })),
      );
      assert.deepEqual(await archivedIn(store), archived);
      assert.deepEqual(ids(store), idsOf(2));
      assert.deepEqual(store.versions('autopilot', FULL.path), []);
      await store.close();
      const again = await reopened(bench, async one => [ids(one), await archivedIn(one)]);
      assert.deepEqual(again, [idsOf(2), archived]);
    },

  'a record is archived as it is in memory, notes included': async bench => {
    const store = await bench.open();
    await store.put(fileRecord(1));
    store.note(fileRecord(1, { size: 1 }));
    await store.archive(idsOf(1));
    await store.close();
    const again = await reopened(bench, async one => [ids(one), await archivedIn(one)]);
    assert.deepEqual(again, [[], [fileRecord(1, { size: 1 })]]);
  },

  'of a record that is archived more than once, the last counts, and none while it is live': async bench => {
    const store = await bench.open();
    for (const size of [1, 2]) {
      await store.put(fileRecord(1, { size }));
      await store.put(fileRecord(size + 1));
      await store.archive(idsOf(1, size + 1));
    }
    assert.deepEqual(await archivedIn(store), [fileRecord(2), fileRecord(1, { size: 2 }), fileRecord(3)]);
    await store.put(fileRecord(1, { size: 3 }));
    assert.deepEqual(await archivedIn(store), [fileRecord(2), fileRecord(3)]);
    await store.close();
  },

  'an archive can be left before its end': async bench => {
    const store = await bench.open();
    for (const number of [1, 2]) await store.put(fileRecord(number));
    await store.archive(idsOf(1, 2));
    for await (const record of store.archived()) {
      assert.deepEqual(record, fileRecord(1));
      break;
    }
    await store.close();
  },

  'a record is replaced whole': async bench => {
    const store = await bench.open();
    await store.put(fileRecord(1, { reason: 'the link was lost', modified: 5 }));
    const replaced = fileRecord(1, { copy: { state: 'whole' } });
    await store.put(replaced);
    assert.deepEqual(store.get(replaced.id), replaced);
    await store.close();
    assert.deepEqual(await reopened(bench, again => [...again.all()]), [replaced]);
  },

  'every field comes back as it was, in any script': async bench => {
    const store = await bench.open();
    await store.put(FULL);
    await store.close();
    assert.deepEqual(await reopened(bench, again => again.get(FULL.id)), FULL);
  },

  'versions are the records of one path on one device, oldest first': async bench => {
    const store = await bench.open();
    const path = 'log/sess001/log001.ulg';
    const old = fileRecord(9, { path });
    const recent = fileRecord(4, { path });
    const elsewhere = fileRecord(5, { path, device: 'other' });
    for (const record of [old, recent, elsewhere]) await store.put(record);
    const changed = { ...old, givenUp: true as const };
    await store.put(changed);
    assert.deepEqual(store.versions('autopilot', path), [changed, recent]);
    assert.deepEqual(store.versions('other', path), [elsewhere]);
    assert.deepEqual(store.versions('autopilot', 'log/sess001'), []);
    await store.delete(old.id);
    assert.deepEqual(store.versions('autopilot', path), [recent]);
    await store.close();
    assert.deepEqual(await reopened(bench, again => again.versions('autopilot', path)), [recent]);
  },

  'a device and a path are not mixed up': async bench => {
    const store = await bench.open();
    await store.put(fileRecord(1, { device: 'a', path: 'bc' }));
    await store.put(fileRecord(2, { device: 'ab', path: 'c' }));
    assert.deepEqual(store.versions('a', 'bc'), [store.get(fileRecord(1).id)]);
    assert.deepEqual(store.versions('ab', 'c'), [store.get(fileRecord(2).id)]);
    await store.close();
  },

  'each change is told once, when it is visible': async bench => {
    const store = await bench.open();
    const seen: { change: Change; visible: FileRecord | undefined }[] = [];
    store.changes.subscribe(change => seen.push({ change, visible: store.get(change.id) }));
    const first = fileRecord(1);
    const second = fileRecord(1, { copy: { state: 'whole' } });
    const done = [store.put(first), store.put(second), store.delete(first.id), store.delete(first.id)];
    const { id } = first;
    assert.deepEqual(seen, [
      { change: { id, record: first }, visible: first },
      { change: { id, record: second, previous: first }, visible: second },
      { change: { id, previous: second }, visible: undefined },
    ]);
    await Promise.all(done);
    await store.close();
    assert.equal(seen.length, 3);
  },

  'subscribers that cause changes all see the same order': async bench => {
    const store = await bench.open();
    const caused: Promise<void>[] = [];
    const seen: (number | undefined)[] = [];
    store.changes.subscribe(({ record }) => {
      if (record?.size === 1) caused.push(store.put({ ...record, size: 2 }));
    });
    store.changes.subscribe(({ record }) => seen.push(record?.size));
    await store.put(fileRecord(1, { size: 1 }));
    await Promise.all(caused);
    assert.deepEqual(seen, [1, 2]);
    await store.close();
  },

  'deleting what is not there is a success': async bench => {
    const store = await bench.open();
    await store.delete(fileRecord(1).id);
    assert.deepEqual([...store.all()], []);
    await store.close();
  },

  'ten thousand records, changed side by side, are all there again': async bench => {
    const store = await bench.open();
    const count = 10_000;
    const numbers = Array.from({ length: count }, (_, number) => number);
    await Promise.all(numbers.map(number => store.put(fileRecord(number))));
    await Promise.all(numbers.map(number => store.put(fileRecord(number, { size: number }))));
    await store.close();
    const sizes = await reopened(bench, again => [...again.all()].map(record => record.size));
    assert.deepEqual(sizes, numbers);
  },

  'close makes durable what still waits': async bench => {
    const store = await bench.open();
    const pending = [1, 2, 3].map(number => store.put(fileRecord(number)));
    await store.close();
    await Promise.all(pending);
    assert.deepEqual(await idsAfterReopening(bench), idsOf(1, 2, 3));
  },

  'closing ends the changes; a second close does nothing': async bench => {
    const store = await bench.open();
    let ended = 0;
    store.changes.subscribe({ complete: () => (ended += 1) });
    await Promise.all([store.close(), store.close()]);
    await store.close();
    assert.equal(ended, 1);
  },

  'after close, changes are refused and records can still be read': async bench => {
    const store = await bench.open();
    await store.put(fileRecord(1));
    await store.close();
    await failsWith(() => store.put(fileRecord(2)), 'internal');
    await failsWith(() => store.delete(fileRecord(1).id), 'internal');
    await failsWith(() => store.putSource(SOURCE), 'internal');
    await failsWith(() => store.archive(idsOf(1)), 'internal');
    await failsWith(async () => store.note(fileRecord(2)), 'internal');
    assert.deepEqual(await archivedIn(store), []);
    assert.deepEqual(ids(store), idsOf(1));
  },

  'closing leaves no file open': async bench => {
    const before = await openHandles();
    for (let round = 0; round < 3; round++) {
      const store = await bench.open();
      await store.put(fileRecord(round));
      await store.archive(idsOf(round));
      for await (const record of store.archived()) if (record) break;
      await store.close();
    }
    await eventually(async () => (await openHandles()) <= before);
  },
} satisfies Record<string, (bench: StoreBench) => Promise<void>>;

const FULL: FileRecord = {
  ...fileRecord(77),
  path: 'журнал/日本 🚁/\u0001 "quoted" \\ \n \ud800.ulg',
  local: 'autopilot/журнал/日本 🚁.ulg',
  modified: 1_790_000_000_123.5,
  checksum: { algorithm: 'crc32-mavlink', value: '00c0ffee' },
  generation: 2,
  source: { state: 'gone' },
  copy: { state: 'partial', checkpoint: { boot: '0e4c9e5e-1111-2222-3333-444455556666', synced: 239 } },
  sha256: 'ab'.repeat(32),
  proof: { algorithm: 'md5', value: 'cd'.repeat(16) },
  via: 'stream',
  description: 'café\u2028ж',
  targets: {
    review: { state: 'done', path: 'a/b', location: 'https://example.org/x?y=1', verified: 'hash' },
    архив: { state: 'failed', tried: true, reason: 'the server said no' },
  },
  byHand: true,
  skipped: 'exclude: *.ulg',
  asked: true,
  first: 3.5,
  atFirstScan: true,
  like: fileRecord(76).id,
  mismatches: 1,
  givenUp: true,
  removal: 'refused',
  reason: 'the link was lost',
  delivered: { at: 1_790_000_000_000, boot: '0e4c9e5e', up: 12.25, synced: false },
};

const SOURCE: SourceRecord = { device: 'autopilot', scannedAt: 1_790_000_000_000 };

const ids = (store: Store) => [...store.all()].map(record => record.id);
const idsOf = (...numbers: number[]) => numbers.map(number => fileRecord(number).id);
const idsAfterReopening = (bench: StoreBench) => reopened(bench, ids);

async function archivedIn(store: Store): Promise<FileRecord[]> {
  const records: FileRecord[] = [];
  for await (const record of store.archived()) records.push(record);
  return records;
}

async function reopened<T>(bench: StoreBench, read: (store: Store) => T | Promise<T>): Promise<T> {
  const store = await bench.open();
  const result = await read(store);
  await store.close();
  return result;
}
