import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { readStore } from '../../../src/db/read-only.js';
import { openStore } from '../../../src/db/store.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { fileRecord } from '../../fakes/file-record.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { systemClock } from '../../../src/system/clock.js';

const NOBODY = 65534;

/** Root may read everything: it becomes another user meanwhile. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe('a database that is only read', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;

  const open = (compactAfter?: number) =>
    openStore(path, {
      ...{ clock: systemClock, logger: new RecordingLogger() },
      ...(compactAfter !== undefined && { compactAfter }),
    });
  const ids = async () => [...(await readStore(path)).all()].map(({ id }) => id);

  /** The names, sizes and times of all files. */
  const tree = async () => {
    const names = (await readdir(folder.path, { recursive: true })).sort();
    const facts = names.map(async name => {
      const { size, mtimeMs, ino } = await stat(join(folder.path, name));
      return `${name} ${size} ${mtimeMs} ${ino}`;
    });
    return Promise.all(facts);
  };

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'data/filesync.json');
  });

  afterEach(() => folder.remove());

  it('is empty where there is none, and none is made', async () => {
    assert.deepEqual(await ids(), []);
    assert.deepEqual(await tree(), []);
    await mkdir(join(folder.path, 'data'));
    assert.deepEqual(await ids(), []);
    assert.deepEqual(await tree(), await tree());
    assert.deepEqual(await readdir(join(folder.path, 'data')), []);
  });

  it('shows what a process that has it open has put, and changes nothing', async () => {
    const store = await open();
    for (const number of [1, 2, 3]) await store.put(fileRecord(number));
    await store.putSource({ device: 'cam', scannedAt: 5 });
    const before = await tree();
    const read = await readStore(path);
    assert.deepEqual(
      [...read.all()],
      [1, 2, 3].map(number => fileRecord(number)),
    );
    assert.deepEqual(read.source('cam'), { device: 'cam', scannedAt: 5 });
    assert.deepEqual(await tree(), before);
    await store.put(fileRecord(4));
    await store.close();
    assert.equal((await ids()).length, 4);
  });

  it('leaves damaged files where they are', async () => {
    const store = await open();
    await store.put(fileRecord(1));
    await store.close();
    await truncate(path, 5);
    const before = await tree();
    const { problem = '' } = await readStore(path);
    assert.match(problem, /filesync\.json cannot be read: records are missing or older/);
    assert.deepEqual(await tree(), before);
    assert.equal((await readFile(path)).length, 5);
  });

  it('is whole while a process puts records and compacts again and again', async () => {
    const store = await open(5);
    await store.put(fileRecord(1));
    const writing = (async () => {
      for (let number = 2; number <= 300; number++) await store.put(fileRecord(number));
    })();
    let [over, seen] = [false, 0];
    void writing.finally(() => (over = true));
    while (!over) {
      const now = await ids();
      assert.equal(new Set(now).size, now.length);
      assert.ok(now.length >= seen, `${now.length} records after ${seen}`);
      seen = now.length;
    }
    await writing;
    await store.close();
    assert.equal((await ids()).length, 300);
  });

  it('says so where this user may not read it', async () => {
    const store = await open();
    await store.put(fileRecord(1));
    await store.close();
    await chmod(path, 0);
    const error = await asNobody(() => failsWith(() => readStore(path), 'denied'));
    assert.match(error.message, /may not read the database .*sudo -u filesync/);
  });

  it('refuses every change', async () => {
    const store = await readStore(path);
    await failsWith(() => store.put(fileRecord(1)), 'internal');
    await failsWith(() => store.delete('1'), 'internal');
    await failsWith(() => store.archive([]), 'internal');
    assert.throws(() => store.note(fileRecord(1)), /reading only/);
    await store.close();
  });
});
