import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore } from '../../../src/db/store.js';
import { FileSyncError } from '../../../src/errors.js';
import type { Change, FileRecord, Store } from '../../../src/ports.js';
import { eventually, failsWith } from '../../conformance/support.js';
import { fileRecord } from '../../fakes/file-record.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { CrashDisk } from './crash-disk.js';

const PATH = `/nowhere/${randomUUID()}.json`;
const JOURNAL = `${PATH}.journal`;

describe('database: delayed writes', () => {
  let disk: CrashDisk;
  let logger: RecordingLogger;
  let clock: VirtualClock;
  let store: Store;

  const open = (files?: ReadonlyMap<string, Buffer>, compactAfter = 1000) => {
    if (files) disk = new CrashDisk(files);
    return openStore(PATH, { clock, logger, disk, compactAfter });
  };
  /** The sizes that another process would find, were this one killed now. */
  const onDisk = () => sizesAfterKill(disk);
  const inMemory = () => [...store.all()].map(record => record.size);
  const record = (size: number, number = 1) => fileRecord(number, { size });
  const journalWrites = () => {
    let count = 0;
    disk.hook = ({ name, path }) => void (name === 'write' && path === JOURNAL && (count += 1));
    return () => count;
  };
  const failWrites = () => {
    disk.hook = ({ name, path }) => {
      if (name === 'write' && path === JOURNAL) throw new FileSyncError('no-space', 'the disk is full');
    };
  };
  const healDisk = () => (disk.hook = () => undefined);
  const untilOnDisk = (...sizes: number[]) =>
    eventually(async () => JSON.stringify(await onDisk()) === JSON.stringify(sizes));

  beforeEach(async () => {
    disk = new CrashDisk();
    logger = new RecordingLogger();
    clock = new VirtualClock();
    store = await open();
    await store.put(record(10));
  });

  afterEach(async () => {
    healDisk();
    await store.close();
    assert.equal(clock.sleeping, 0, 'no timer is left');
  });

  it('a plain note is not written, however long it waits, and a crash loses it', async () => {
    const writes = journalWrites();
    store.note(record(11));
    assert.equal(clock.sleeping, 0);
    await clock.advance(3_600_000);
    assert.deepEqual([writes(), inMemory(), await onDisk()], [0, [11], [10]]);
  });

  it('a note to be written soon is on disk within a second, with all others in one commit', async () => {
    const writes = journalWrites();
    for (let number = 1; number <= 200; number++) store.note(record(number, number), 'soon');
    store.note(record(0, 201));
    assert.equal(clock.sleeping, 1, 'one timer for all');
    await clock.advance(999);
    await untilOnDisk(...Array.from({ length: 200 }, (_, index) => index + 1));
    assert.equal(writes(), 1);
  });

  it('it is written as it is by then, and a plain note on top of it as well', async () => {
    store.note(record(11), 'soon');
    await clock.advance(500);
    store.note(record(12));
    await clock.advance(499);
    await untilOnDisk(12);
  });

  it('one that has just been noted is not written with those that are due: a change may soon follow', async () => {
    const writes = journalWrites();
    store.note(record(11), 'soon');
    await clock.advance(890);
    store.note(record(20, 2), 'soon');
    await clock.advance(100);
    await untilOnDisk(11);
    await store.put(record(21, 2));
    await clock.advance(999);
    assert.deepEqual([writes(), await onDisk()], [2, [11, 21]]);
  });

  it('a change replaces the delayed writes of its record: nothing is written twice', async () => {
    const writes = journalWrites();
    store.note(record(11), 'soon');
    store.note(record(20, 2), 'soon');
    store.note(record(21, 2));
    await store.put({ ...record(11), reason: 'a' });
    await store.delete(fileRecord(2).id);
    assert.deepEqual([writes(), await onDisk()], [2, [11]]);
    await clock.advance(5000);
    await store.close();
    assert.deepEqual([writes(), await onDisk()], [2, [11]]);
  });

  it('a note that is made while a change is on its way stays for later', async () => {
    const changed = store.put(record(11));
    store.note(record(12));
    await changed;
    assert.deepEqual([inMemory(), await onDisk()], [[12], [11]]);
    await store.close();
    assert.deepEqual(await onDisk(), [12]);
  });

  it('a record that was only noted is deleted for good', async () => {
    store.note(record(20, 2), 'soon');
    await clock.advance(999);
    await untilOnDisk(10, 20);
    store.note(record(21, 2), 'soon');
    await store.delete(fileRecord(2).id);
    await clock.advance(5000);
    await store.close();
    assert.deepEqual(await onDisk(), [10]);
  });

  it('a snapshot includes all delayed writes', async () => {
    await store.close();
    store = await open(disk.files(), 5);
    store.note(record(11));
    store.note(record(20, 2));
    const compacted = () => disk.files().has(`${PATH}.journal.bak`);
    for (let size = 30; !compacted(); size++) await store.put(record(size, 3));
    assert.deepEqual((await onDisk()).slice(0, 2), [11, 20]);
  });

  it('one that cannot be read back is refused and never enters', async () => {
    const error = await failsWith(async () => store.note(record(NaN), 'soon'), 'internal');
    assert.match(error.message, /size/);
    assert.deepEqual([inMemory(), clock.sleeping], [[10], 0]);
  });

  describe('that cannot be written', () => {
    it('stay in memory, are reported once, and are written when there is space again', async () => {
      failWrites();
      store.note(record(11), 'soon');
      for (let attempt = 1; attempt <= 5; attempt++) {
        await clock.advance(1000);
        store.note(record(11 + attempt), 'soon');
      }
      assert.deepEqual([inMemory(), await onDisk()], [[16], [10]]);
      const warnings = logger.messages('warn');
      assert.equal(warnings.length, 1, warnings.join());
      assert.match(
        warnings[0] ?? '',
        /changes cannot be written to the database .*retried.*: the disk is full/,
      );
      healDisk();
      await clock.advance(1000);
      await untilOnDisk(16);
      failWrites();
      store.note(record(17), 'soon');
      await clock.advance(1000);
      assert.equal(logger.messages('warn').length, 2, 'a new failure is reported again');
    });

    it('fail changes that wait behind them, but are not taken back with those', async () => {
      let behind: Promise<unknown> | undefined;
      disk.hook = ({ name, path }) => {
        if (name !== 'write' || path !== JOURNAL) return;
        behind ??= failsWith(() => store.put(record(20, 2)), 'no-space');
        throw new FileSyncError('no-space', 'the disk is full');
      };
      store.note(record(11), 'soon');
      await clock.advance(900);
      await behind;
      assert.ok(behind);
      store.note(record(12), 'soon');
      assert.deepEqual(inMemory(), [12]);
      healDisk();
      await clock.advance(5000);
      await untilOnDisk(12);
    });

    it('are reported at close, which ends all the same', async () => {
      failWrites();
      store.note(record(11));
      await store.close();
      assert.match(
        logger.messages('warn').join(),
        /changes cannot be written .*they are lost: the disk is full/,
      );
      assert.deepEqual(await onDisk(), [10]);
    });
  });

  describe('and changes that cannot be written', () => {
    it('are reported once for all of them, and wait, whatever the disk says of the open file', async () => {
      const wrongPath = new FileSyncError('config', 'the file system is read-only');
      disk.hook = ({ name, path }) => {
        if (name === 'write' && path === JOURNAL) throw wrongPath;
      };
      store.note(record(5, 2), 'soon');
      for (let number = 3; number < 40; number++) {
        const error = await failsWith(() => store.put(record(number, number)), 'io');
        assert.deepEqual([error.temporary, error.reported], [true, true]);
      }
      await clock.advance(5000);
      assert.equal(logger.messages('warn').length, 1, logger.messages('warn').join());
      assert.equal(store.problem, 'the file system is read-only');
      healDisk();
      await store.put(record(11));
      assert.equal(store.problem, undefined);
      assert.match(logger.messages('info').join(), /changes are written to the database .* again/);
      await clock.advance(1000);
      await untilOnDisk(11, 5);
    });
  });

  describe('and a change that fails', () => {
    const reported: Change[] = [];

    beforeEach(() => {
      reported.length = 0;
      store.changes.subscribe(change => reported.push(change));
    });

    it('memory is restored to the state before the change; later delayed writes are dropped', async () => {
      failWrites();
      const failed = failsWith(() => store.put(record(11)), 'no-space');
      store.note(record(12), 'soon');
      store.note(record(13));
      await failed;
      assert.deepEqual(inMemory(), [10]);
      const { id } = record(10);
      assert.deepEqual(reported.at(-1), { id, record: record(10), previous: record(13) });
      healDisk();
      await clock.advance(5000);
      await store.close();
      assert.deepEqual(await onDisk(), [10]);
    });

    it('a note that was there before the change waits again, as it did', async () => {
      store.note(record(11), 'soon');
      store.note(record(20, 2));
      failWrites();
      await failsWith(() => store.put(record(12)), 'no-space');
      await failsWith(() => store.delete(fileRecord(2).id), 'no-space');
      assert.deepEqual(inMemory(), [11, 20]);
      healDisk();
      await clock.advance(999);
      await untilOnDisk(11);
      await store.close();
      assert.deepEqual(await onDisk(), [11, 20]);
    });

    it('a new record is gone, with its delayed writes', async () => {
      failWrites();
      const failed = failsWith(() => store.put(record(20, 2)), 'no-space');
      store.note(fileRecord(2, { path: 'elsewhere' }), 'soon');
      await failed;
      assert.deepEqual(inMemory(), [10]);
      assert.deepEqual(store.versions('autopilot', 'elsewhere'), []);
      assert.deepEqual(reported.at(-1), {
        id: fileRecord(2).id,
        previous: fileRecord(2, { path: 'elsewhere' }),
      });
      healDisk();
      await store.close();
      assert.deepEqual(await onDisk(), [10]);
    });

    it('a deletion: the record is back in its place, without what was noted since', async () => {
      await store.put(record(20, 2));
      failWrites();
      const failed = failsWith(() => store.delete(fileRecord(1).id), 'no-space');
      store.note(record(12));
      assert.deepEqual(inMemory(), [20, 12]);
      await failed;
      assert.deepEqual(inMemory(), [10, 20]);
      healDisk();
      await store.close();
      assert.deepEqual(await onDisk(), [10, 20]);
    });

    it('of several, each takes back what was noted on top of it', async () => {
      store.note(record(11));
      failWrites();
      const failed = [12, 14].map(size => {
        const done = failsWith(() => store.put(record(size)), 'no-space');
        store.note(record(size + 1), 'soon');
        return done;
      });
      await Promise.all(failed);
      assert.deepEqual(inMemory(), [11]);
      assert.deepEqual(
        reported.slice(-2).map(({ record, previous }) => [record?.size, previous?.size]),
        [
          [13, 15],
          [11, 13],
        ],
      );
      healDisk();
      await store.close();
      assert.deepEqual(await onDisk(), [11]);
    });
  });
});

async function sizesAfterKill(disk: CrashDisk): Promise<number[]> {
  const path = `/elsewhere/${randomUUID()}.json`;
  const files = [...disk.files()].map(([name, bytes]) => [name.replace(PATH, path), bytes] as const);
  const options = { clock: new VirtualClock(), logger: new RecordingLogger() };
  const store = await openStore(path, { ...options, disk: new CrashDisk(new Map(files)) });
  const records: FileRecord[] = [...store.all()];
  await store.close();
  return records.map(record => record.size);
}
