import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore } from '../../../src/db/store.js';
import { FileSyncError } from '../../../src/errors.js';
import type { FileRecord, Store } from '../../../src/ports.js';
import { failsWith } from '../../conformance/support.js';
import { fileRecord } from '../../fakes/file-record.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { CrashDisk } from './crash-disk.js';

const PATH = `/nowhere/${randomUUID()}.json`;
const ARCHIVE = `${PATH}.archive`;
const JOURNAL = `${PATH}.journal`;

describe('database: the archive', () => {
  let disk: CrashDisk;
  let logger: RecordingLogger;
  let store: Store;

  const open = () => openStore(PATH, { clock: new VirtualClock(), logger, disk });
  const reopen = async (files: ReadonlyMap<string, Buffer> = disk.files()) => {
    await store.close();
    disk = new CrashDisk(files);
    store = await open();
  };
  const filesWith = (change: (archive: Buffer) => Buffer) => {
    const files = disk.files();
    return files.set(ARCHIVE, change(files.get(ARCHIVE) ?? Buffer.alloc(0)));
  };
  const live = () => [...store.all()].map(numberOf);
  const archived = async () => {
    const records: FileRecord[] = [];
    for await (const record of store.archived()) records.push(record);
    return records;
  };
  const archivedNumbers = async () => (await archived()).map(numberOf);
  const archive = (...numbers: number[]) => store.archive(numbers.map(number => fileRecord(number).id));

  beforeEach(async () => {
    disk = new CrashDisk();
    logger = new RecordingLogger();
    store = await open();
    for (const number of [1, 2, 3, 4]) await store.put(fileRecord(number));
  });

  afterEach(async () => {
    disk.hook = () => undefined;
    await store.close();
  });

  it('is made when it is needed, and not read at the start', async () => {
    await archive();
    await archive(9);
    assert.ok(!disk.files().has(ARCHIVE));
    await archive(1);
    const files = disk.files();
    await store.close();
    disk = new CrashDisk(files);
    disk.hook = ({ path }) => assert.notEqual(path, ARCHIVE);
    store = await open();
    assert.deepEqual(live(), [2, 3, 4]);
  });

  it('has a size that no two records share that were archived one after the other', async () => {
    const sizes = [await store.archiveSize()];
    await archive(1);
    sizes.push(await store.archiveSize());
    await archive(2);
    sizes.push(await store.archiveSize());
    assert.deepEqual([sizes[0], new Set(sizes).size], [0, 3]);
    await reopen(filesWith(bytes => Buffer.concat([bytes, Buffer.from('{"id":"torn')])));
    assert.equal(await store.archiveSize(), sizes[2]);
    disk.hook = ({ name, path }) => {
      if (name === 'sync' && path === ARCHIVE) throw full();
    };
    await failsWith(() => archive(3), 'no-space');
    disk.hook = () => undefined;
    assert.equal(await store.archiveSize(), sizes[2]);
  });

  it('has no size where it cannot be read: that is logged, and files are recorded', async () => {
    await archive(1);
    await reopen();
    disk.hook = ({ path }) => {
      if (path === ARCHIVE) throw new FileSyncError('io', 'the medium is broken');
    };
    assert.equal(await store.archiveSize(), 0);
    assert.match(logger.messages('warn').at(-1) ?? '', /archive/);
  });

  it('has one record a line, as JSON that begins with its id', async () => {
    const { id, ...rest } = fileRecord(5, { description: 'café\u2028ж\r\n' });
    await store.put({ ...rest, id });
    await archive(2, 5);
    const lines = disk.files().get(ARCHIVE)?.toString().split('\n') ?? [];
    assert.deepEqual(lines, [JSON.stringify(fileRecord(2)), JSON.stringify({ id, ...rest }), '']);
    assert.deepEqual(await archived(), [fileRecord(2), { id, ...rest }]);
  });

  it('gets the records for certain before the database loses them', async () => {
    const order: string[] = [];
    disk.hook = ({ name, path }) => {
      if (name === 'sync' || name === 'syncFolder') order.push(path);
    };
    await archive(1, 2);
    assert.deepEqual(order, [ARCHIVE, '/nowhere', JOURNAL]);
  });

  it('takes many at once, in portions, each of which is one commit', async () => {
    const numbers = Array.from({ length: 600 }, (_, index) => index + 1);
    await Promise.all(numbers.map(number => store.put(fileRecord(number))));
    const writes: string[] = [];
    disk.hook = ({ name, path }) => name === 'write' && writes.push(path);
    await archive(...numbers, ...numbers);
    assert.deepEqual(writes, [ARCHIVE, JOURNAL, ARCHIVE, JOURNAL, ARCHIVE, JOURNAL]);
    assert.deepEqual(await archivedNumbers(), numbers);
    assert.deepEqual(live(), []);
  });

  it('calls at the same time do not get in each other’s way', async () => {
    await Promise.all([archive(1, 2), archive(2, 3), archive(4)]);
    await reopen();
    assert.deepEqual([live(), await archivedNumbers()], [[], [1, 2, 3, 4]]);
  });

  it('close lets what is under way end', async () => {
    const done = archive(1, 2);
    await store.close();
    await done;
    await reopen();
    assert.deepEqual(
      [live(), await archivedNumbers()],
      [
        [3, 4],
        [1, 2],
      ],
    );
  });

  it('a record that changes meanwhile stays, and can be archived later', async () => {
    const changes = [fileRecord(1, { size: 7 }), fileRecord(2, { size: 8 })];
    disk.hook = ({ name, path }) => {
      if (name !== 'sync' || path !== ARCHIVE) return;
      disk.hook = () => undefined;
      if (changes[0]) void store.put(changes[0]);
      if (changes[1]) store.note(changes[1]);
    };
    await archive(1, 2, 3);
    assert.deepEqual([live(), await archivedNumbers()], [[1, 2, 4], [3]]);
    await archive(2, 1);
    await reopen();
    assert.deepEqual(await archived(), [fileRecord(3), changes[1], changes[0]]);
  });

  for (const name of ['open', 'write', 'sync', 'syncFolder'] as const) {
    it(`${name} fails: the records stay, and nothing is left in the archive`, async () => {
      await archive(4);
      const before = disk.files().get(ARCHIVE);
      disk.hook = operation => {
        const wanted = name === 'syncFolder' ? '/nowhere' : ARCHIVE;
        if (operation.name === name && operation.path === wanted) throw full();
      };
      await failsWith(() => archive(1, 2), 'no-space');
      disk.hook = () => undefined;
      assert.deepEqual([live(), await archivedNumbers()], [[1, 2, 3], [4]]);
      if (name !== 'syncFolder') assert.deepEqual(disk.files().get(ARCHIVE), before);
      await archive(2);
      await reopen();
      assert.deepEqual(
        [live(), await archivedNumbers()],
        [
          [1, 3],
          [4, 2],
        ],
      );
    });
  }

  it('the database cannot forget them: they stay, and are archived once later on', async () => {
    disk.hook = ({ name, path }) => {
      if (name === 'write' && path === JOURNAL) throw full();
    };
    await failsWith(() => archive(1, 2), 'no-space');
    disk.hook = () => undefined;
    assert.deepEqual([live(), await archivedNumbers()], [[1, 2, 3, 4], []]);
    await store.put(fileRecord(1, { size: 7 }));
    await reopen();
    assert.deepEqual([live(), await archivedNumbers()], [[1, 2, 3, 4], []]);
    await archive(3);
    await archive(1);
    assert.deepEqual(await archived(), [fileRecord(3), fileRecord(1, { size: 7 })]);
  });

  it('an unfinished line at its end is left out, and cut off by the next records', async () => {
    await archive(1);
    for (const rest of ['{"id":"000000000002","device":"auto', 'x'.repeat(600_000)]) {
      await reopen(filesWith(bytes => Buffer.concat([bytes, Buffer.from(rest)])));
      assert.deepEqual(await archivedNumbers(), [1]);
    }
    const whole = Buffer.from(`${JSON.stringify(fileRecord(1))}\n`);
    await archive(2);
    const now = disk.files().get(ARCHIVE);
    assert.deepEqual(now, Buffer.concat([whole, Buffer.from(`${JSON.stringify(fileRecord(2))}\n`)]));
    assert.deepEqual(logger.entries, []);
  });

  it('an unfinished first line is no record, either', async () => {
    await reopen(filesWith(() => Buffer.from('{"id":"0000')));
    assert.deepEqual(await archived(), []);
    await archive(1);
    assert.deepEqual(await archivedNumbers(), [1]);
  });

  it('holes that a power cut left are passed over; damage is passed over with a warning', async () => {
    await archive(1, 2, 3);
    await reopen(filesWith(bytes => Buffer.from(bytes).fill(0, 20, 400)));
    assert.deepEqual(await archivedNumbers(), [3]);
    assert.deepEqual(logger.entries, []);
    await reopen(filesWith(bytes => Buffer.concat([Buffer.from('hello\n{"id":"00000000000a"}\n'), bytes])));
    assert.deepEqual(await archivedNumbers(), [3]);
    assert.equal(logger.entries.length, 1);
    assert.match(logger.messages('warn').join(), /2 lines of the archive .*\.archive cannot be read/);
  });

  it('can be read while records are archived', async () => {
    await archive(1, 2);
    const numbers: number[] = [];
    for await (const record of store.archived()) {
      numbers.push(numberOf(record));
      await archive(2 + numbers.length);
    }
    assert.deepEqual(numbers, [1, 2]);
    assert.deepEqual(await archivedNumbers(), [1, 2, 3, 4]);
  });
});

const numberOf = (record: FileRecord) => parseInt(record.id, 16);
const full = () => new FileSyncError('no-space', 'the disk is full');
