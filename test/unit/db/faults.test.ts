import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore } from '../../../src/db/store.js';
import { FileSyncError } from '../../../src/errors.js';
import type { Change, FileRecord, Store } from '../../../src/ports.js';
import { eventually, failsWith } from '../../conformance/support.js';
import { fileRecord } from '../../fakes/file-record.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { CrashDisk, type Operation } from './crash-disk.js';

const PATH = `/nowhere/${randomUUID()}.json`;
const JOURNAL = `${PATH}.journal`;

describe('database: a disk that fails', () => {
  let disk: CrashDisk;
  let logger: RecordingLogger;
  let store: Store;

  const open = (compactAfter = 1000) =>
    openStore(PATH, { clock: new VirtualClock(), logger, disk, compactAfter });
  const reopened = async () => {
    await store.close();
    store = await open();
    return [...store.all()];
  };

  beforeEach(async () => {
    disk = new CrashDisk();
    logger = new RecordingLogger();
    store = await open();
    for (const number of [1, 2, 3]) await store.put(fileRecord(number));
  });

  afterEach(async () => {
    disk.hook = () => undefined;
    await store.close();
  });

  it('a full disk: the change is refused and taken back, in memory and in the file', async () => {
    disk.hook = failing({ name: 'sync', path: JOURNAL });
    const added = failsWith(() => store.put(fileRecord(4)), 'no-space');
    assert.deepEqual(store.get(fileRecord(4).id), fileRecord(4), 'visible until it fails');
    await added;
    assert.deepEqual(
      await copyOf(disk),
      [1, 2, 3].map(number => fileRecord(number)),
    );
    await failsWith(() => store.put(fileRecord(1, { size: 5 })), 'no-space');
    await failsWith(() => store.delete(fileRecord(2).id), 'no-space');
    assert.deepEqual(
      [...store.all()],
      [1, 2, 3].map(number => fileRecord(number)),
    );
    disk.hook = () => undefined;
    assert.deepEqual(
      await reopened(),
      [1, 2, 3].map(number => fileRecord(number)),
    );
  });

  it('a full disk: what is known of a source is taken back, too', async () => {
    const [first, second] = [1, 2].map(scannedAt => ({ device: 'autopilot', scannedAt }));
    assert.ok(first && second);
    disk.hook = failing({ name: 'write', path: JOURNAL });
    await failsWith(() => store.putSource(first), 'no-space');
    assert.equal(store.source('autopilot'), undefined);
    disk.hook = () => undefined;
    await store.putSource(first);
    disk.hook = failing({ name: 'write', path: JOURNAL });
    const failed = failsWith(() => store.putSource(second), 'no-space');
    assert.equal(store.source('autopilot'), second, 'visible until it fails');
    await failed;
    assert.equal(store.source('autopilot'), first);
  });

  it('a source that could not be read back is refused and never enters', async () => {
    const error = await failsWith(() => store.putSource({ device: 'a', scannedAt: NaN }), 'internal');
    assert.match(error.message, /scannedAt/);
    assert.equal(store.source('a'), undefined);
  });

  it('when there is room again, changes are taken again', async () => {
    disk.hook = failing({ name: 'write', path: JOURNAL });
    await failsWith(() => store.put(fileRecord(4)), 'no-space');
    disk.hook = () => undefined;
    await store.put(fileRecord(5));
    assert.deepEqual(
      await reopened(),
      [1, 2, 3, 5].map(number => fileRecord(number)),
    );
    assert.deepEqual(logger.messages('error'), []);
  });

  it('a write that could not be cleaned up at once is cleaned up before the next', async () => {
    disk.hook = failing({ name: 'sync', path: JOURNAL }, { name: 'truncate', path: JOURNAL });
    await failsWith(() => store.put(fileRecord(1, { description: 'long '.repeat(100) })), 'no-space');
    await failsWith(() => store.put(fileRecord(4)), 'no-space');
    disk.hook = () => undefined;
    await store.put(fileRecord(5));
    assert.deepEqual(
      await reopened(),
      [1, 2, 3, 5].map(number => fileRecord(number)),
    );
    assert.deepEqual(logger.messages('error'), []);
  });

  it('changes that wait behind a failed one fail with it, and order and versions are restored', async () => {
    const before = [...store.all()];
    disk.hook = failing({ name: 'write', path: JOURNAL });
    const changes = [
      store.put(fileRecord(2, { size: 1 })),
      store.delete(fileRecord(1).id),
      store.put(fileRecord(1, { path: 'elsewhere' })),
      store.put(fileRecord(2, { size: 2 })),
      store.delete(fileRecord(2).id),
    ];
    const outcomes = await Promise.allSettled(changes);
    assert.deepEqual(
      outcomes.map(outcome => outcome.status),
      Array(5).fill('rejected'),
    );
    assert.deepEqual([...store.all()], before);
    assert.deepEqual(store.versions('autopilot', 'elsewhere'), []);
    assert.deepEqual(store.versions('autopilot', fileRecord(1).path), [fileRecord(1)]);
  });

  it('what is taken back is told, the last change first, before the promise rejects', async () => {
    const told: Change[] = [];
    const first = fileRecord(1, { size: 1 });
    const second = fileRecord(1, { size: 2 });
    disk.hook = failing({ name: 'write', path: JOURNAL });
    const changes = [store.put(first), store.put(second)];
    store.changes.subscribe(change => told.push(change));
    const toldAtRejection = await changes[0]?.catch(() => told.length);
    assert.equal(toldAtRejection, 2);
    await assert.rejects(changes[1] ?? Promise.resolve());
    const { id } = first;
    assert.deepEqual(told, [
      { id, record: first, previous: second },
      { id, record: fileRecord(1), previous: first },
    ]);
  });

  it('a change made while others are being taken back stands', async () => {
    const made: Promise<void>[] = [];
    disk.hook = failing({ name: 'write', path: JOURNAL });
    const failed = [store.put(fileRecord(1, { size: 1 })), store.put(fileRecord(1, { size: 2 }))];
    store.changes.subscribe(({ previous }) => {
      disk.hook = () => undefined;
      if (previous?.size === 2) made.push(store.put(fileRecord(1, { size: 3 })));
    });
    await Promise.allSettled(failed);
    await Promise.all(made);
    assert.equal(made.length, 1);
    assert.equal((await reopened())[0]?.size, 3);
  });

  it('a record that could not be read back is refused and never enters', async () => {
    const broken: FileRecord = fileRecord(4, { size: NaN });
    const error = await failsWith(() => store.put(broken), 'internal');
    assert.match(error.message, /size/);
    assert.equal(store.get(broken.id), undefined);
  });

  describe('while it compacts itself', () => {
    beforeEach(async () => {
      await store.close();
      store = await open(5);
    });

    const change = async (from: number, to: number) => {
      for (let number = from; number <= to; number++) await store.put(fileRecord(number));
    };
    const numbers = (to: number) => Array.from({ length: to }, (_, index) => fileRecord(index + 1));
    const compacted = () => eventually(async () => disk.files().has(`${PATH}.journal.bak`));

    const steps: readonly (readonly [string, Pick<Operation, 'name' | 'path'>])[] = [
      ['setting the journal aside', { name: 'rename', path: `${JOURNAL}.old` }],
      ['the new journal', { name: 'open', path: JOURNAL }],
      ['writing the snapshot', { name: 'write', path: `${PATH}.tmp` }],
      ['syncing the snapshot', { name: 'sync', path: `${PATH}.tmp` }],
      ['keeping the backup', { name: 'rename', path: `${PATH}.bak` }],
      ['replacing the snapshot', { name: 'rename', path: PATH }],
      ['syncing the folder', { name: 'syncFolder', path: '/nowhere' }],
      ['keeping the old journal', { name: 'rename', path: `${JOURNAL}.bak` }],
    ];
    for (const [title, step] of steps) {
      it(`${title} fails: a warning, no loss, and a later compaction succeeds`, async () => {
        disk.hook = failing(step);
        await change(4, 12);
        await eventually(async () => logger.messages('warn').length > 0);
        assert.match(logger.messages('warn').join(), /could not compact the database .* disk is full/);
        await eventually(async () => !disk.files().has(`${PATH}.tmp`));
        assert.deepEqual(await copyOf(disk), numbers(12));
        disk.hook = () => undefined;
        await change(13, 80);
        await compacted();
        await store.close();
        assert.deepEqual(await copyOf(disk), numbers(80));
        assert.deepEqual(await copyOf(disk, [PATH]), numbers(80), 'from the backup');
        assert.deepEqual(logger.messages('error'), []);
      });
    }

    it('a snapshot that is deleted meanwhile is made again, and the backup still leads to everything', async () => {
      await change(4, 40);
      await compacted();
      await store.close();
      store = await open(5);
      await disk.remove(PATH);
      for (let number = 41; !disk.files().has(PATH); number++) await store.put(fileRecord(number));
      const all = [...store.all()];
      await store.close();
      assert.deepEqual(await copyOf(disk), all);
      assert.deepEqual(await copyOf(disk, [PATH]), all);
    });

    it('a snapshot that holds a change which was taken back never takes its place', async () => {
      let failed: Promise<unknown> | undefined;
      disk.hook = ({ name, path }) => {
        if (name !== 'open' || path !== `${PATH}.tmp`) return;
        disk.hook = failing({ name: 'write', path: JOURNAL });
        failed = failsWith(() => store.put(fileRecord(99)), 'no-space');
      };
      await change(4, 5);
      await eventually(async () => logger.messages('warn').length > 0);
      await failed;
      assert.ok(failed);
      assert.match(logger.messages('warn').join(), /could not compact/);
      assert.deepEqual(await copyOf(disk), numbers(5));
    });
  });
});

/** Has these operations fail as on a full disk. */
function failing(...operations: Pick<Operation, 'name' | 'path'>[]) {
  return ({ name, path }: Operation): void => {
    if (!operations.some(one => one.name === name && one.path === path)) return;
    throw new FileSyncError('no-space', 'the disk is full');
  };
}

/** The records that another process would find, were this one killed now (and some files lost as well). */
async function copyOf(disk: CrashDisk, lost: readonly string[] = []): Promise<FileRecord[]> {
  const path = `/elsewhere/${randomUUID()}.json`;
  const files = [...disk.files()]
    .filter(([name]) => !lost.includes(name))
    .map(([name, content]) => [name.replace(PATH, path), content] as const);
  const options = { clock: new VirtualClock(), logger: new RecordingLogger() };
  const store = await openStore(path, { ...options, disk: new CrashDisk(new Map(files)) });
  const records = [...store.all()];
  await store.close();
  return records;
}
