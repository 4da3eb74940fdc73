import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { crcHex } from '../../../src/db/crc.js';
import { fromSchema1, type FileRecord1 } from '../../../src/db/schema-1.js';
import { openStore } from '../../../src/db/store.js';
import { FileState, type FileRecord } from '../../../src/ports.js';
import { fileRecord } from '../../fakes/file-record.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { CrashDisk, randomFrom } from './crash-disk.js';

const PATH = `/nowhere/${randomUUID()}.json`;

/** Records 1 to 3 are in the backup, 4 only in its journal, 5 only in the journal of now; 2 was changed in each. */
const OLD = [1, 2, 3, 4, 5].map(number => old(number));
const CHANGED = [old(2, { size: 20 }), old(2, { size: 21 })];
const FILES = new Map([
  [`${PATH}.bak`, snapshot1(3, OLD.slice(0, 3))],
  [`${PATH}.journal.bak`, journal1(5, [{ put: OLD[3] }, { put: CHANGED[0] }])],
  [
    PATH,
    snapshot1(
      5,
      [1, 20, 3, 4].map((size, index) => old(index + 1, { size })),
    ),
  ],
  [`${PATH}.journal`, journal1(7, [{ put: OLD[4] }, { put: CHANGED[1] }])],
]);
const MIGRATED = [1, 21, 3, 4, 5].map((size, index) => fromSchema1(old(index + 1, { size })));

describe('database: files of schema 1', () => {
  it('give their records as facts, and are replaced at once; the snapshot stays as the backup', async () => {
    const disk = new CrashDisk(FILES);
    const logger = new RecordingLogger();
    assert.deepEqual(await recordsOf(disk, logger), MIGRATED);
    assert.match(logger.messages('info').join(), /converting the database .* from schema 1 to 2; .*\.bak/);
    assert.equal(logger.entries.length, 1);
    const files = disk.files();
    assert.deepEqual(files.get(`${PATH}.bak`), FILES.get(PATH));
    assert.equal(schemaOf(files.get(PATH)), 2);
    logger.entries.length = 0;
    assert.deepEqual(await recordsOf(disk, logger), MIGRATED);
    assert.deepEqual(logger.entries, []);
  });

  it('give everything although the snapshot is lost: before the conversion, and after it', async () => {
    const withoutSnapshot = (files: ReadonlyMap<string, Buffer>) =>
      new CrashDisk(new Map([...files].filter(([path]) => path !== PATH)));
    assert.deepEqual(await recordsOf(withoutSnapshot(FILES)), MIGRATED);
    const disk = new CrashDisk(FILES);
    const store = await open(disk);
    await store.put(fileRecord(6));
    await store.close();
    assert.deepEqual(await recordsOf(withoutSnapshot(disk.files())), [...MIGRATED, fileRecord(6)]);
  });

  it('lose nothing when the power is cut at any moment of the conversion', async () => {
    for (let crashAt = 1; ; crashAt++) {
      const disk = new CrashDisk(FILES);
      disk.crashAt = crashAt;
      const done = await recordsOf(disk).then(
        () => true,
        () => false,
      );
      for (const seed of [1, 2]) {
        const after = new CrashDisk(disk.afterPowerCut(randomFrom(crashAt * 2 + seed)));
        const logger = new RecordingLogger();
        assert.deepEqual(await recordsOf(after, logger), MIGRATED, `cut at operation ${crashAt}`);
        assert.deepEqual(logger.messages('error'), []);
        assert.equal(schemaOf(after.files().get(PATH)), 2);
      }
      if (done) return;
    }
  });

  it('are read in any layout', async () => {
    const records = OLD.slice(0, 2);
    const pretty = Buffer.from(JSON.stringify({ schema: 1, seq: 0, records }, undefined, 2));
    assert.deepEqual(await recordsOf(new CrashDisk(new Map([[PATH, pretty]]))), records.map(fromSchema1));
  });
});

function old(number: number, changes: Partial<FileRecord1> = {}): FileRecord1 {
  const { source: _source, copy: _copy, ...same } = fileRecord(number);
  const targets = { ftp: { state: 'sending' as const, path: 'x' } };
  return { ...same, size: number, state: FileState.UPLOADING, kept: true, targets, ...changes };
}

/** As the last version with schema 1 wrote it. */
function snapshot1(seq: number, records: readonly FileRecord1[]): Buffer {
  const lines = records.map(record => JSON.stringify(record)).join(',\n');
  return Buffer.from(`{"schema":1,"seq":${seq},"records":[\n${lines}\n]}\n`);
}

function journal1(seq: number, changes: readonly object[]): Buffer {
  const body = JSON.stringify({ seq, changes }).slice(1);
  return Buffer.from(`{"crc":"${crcHex(crc32(body))}",${body}\n${' '.repeat(100)}`);
}

function schemaOf(file: Buffer | undefined): unknown {
  return (JSON.parse(file?.toString() ?? '{}') as { schema?: unknown }).schema;
}

async function recordsOf(disk: CrashDisk, logger = new RecordingLogger()): Promise<FileRecord[]> {
  const store = await open(disk, logger);
  const records = [...store.all()];
  await store.close();
  return records;
}

function open(disk: CrashDisk, logger = new RecordingLogger()) {
  return openStore(PATH, { clock: new VirtualClock(), logger, disk });
}
