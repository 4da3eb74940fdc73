import assert from 'node:assert/strict';
import { FileState, type Change, type FileRecord, type Store } from '../../src/ports.js';
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
    await store.put(fileRecord(3, { state: FileState.DOWNLOADED }));
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

  'a record is replaced whole': async bench => {
    const store = await bench.open();
    await store.put(fileRecord(1, { reason: 'the link was lost', modified: 5 }));
    const replaced = fileRecord(1, { state: FileState.DOWNLOADED });
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
    const changed = { ...old, state: FileState.UPLOADED };
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
    const second = fileRecord(1, { state: FileState.DOWNLOADED });
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
    assert.deepEqual(ids(store), idsOf(1));
  },

  'closing leaves no file open': async bench => {
    const before = await openHandles();
    for (let round = 0; round < 3; round++) {
      const store = await bench.open();
      await store.put(fileRecord(round));
      await store.close();
    }
    await eventually(async () => (await openHandles()) <= before);
  },
} satisfies Record<string, (bench: StoreBench) => Promise<void>>;

const FULL: FileRecord = fileRecord(77, {
  path: 'журнал/日本 🚁/\u0001 "quoted" \\ \n \ud800.ulg',
  local: 'autopilot/журнал/日本 🚁.ulg',
  modified: 1_790_000_000_123.5,
  checksum: { algorithm: 'crc32-mavlink', value: '00c0ffee' },
  state: FileState.PARTIAL,
  sha256: 'ab'.repeat(32),
  kept: true,
  description: 'café\u2028ж',
  targets: {
    review: { state: 'done', path: 'a/b', location: 'https://example.org/x?y=1', verified: 'hash' },
    архив: { state: 'failed', reason: 'the server said no' },
  },
  reason: 'the link was lost',
  checkpoint: { boot: '0e4c9e5e-1111-2222-3333-444455556666', synced: 239 },
});

const ids = (store: Store) => [...store.all()].map(record => record.id);
const idsOf = (...numbers: number[]) => numbers.map(number => fileRecord(number).id);
const idsAfterReopening = (bench: StoreBench) => reopened(bench, ids);

async function reopened<T>(bench: StoreBench, read: (store: Store) => T): Promise<T> {
  const store = await bench.open();
  const result = read(store);
  await store.close();
  return result;
}
