import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { Archive } from '../../src/db/archive.js';
import { decodeJournal, encodeCommit } from '../../src/db/journal-format.js';
import { databasePaths } from '../../src/db/paths.js';
import { Quarantine } from '../../src/db/quarantine.js';
import { recover } from '../../src/db/recovery.js';
import { encodeSnapshot, emptySnapshot } from '../../src/db/snapshot-format.js';
import { parseSnapshot } from '../../src/db/snapshot-parser.js';
import type { FileRecord } from '../../src/ports.js';
import { fileRecord } from '../fakes/file-record.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { VirtualClock } from '../fakes/virtual-clock.js';
import { CrashDisk } from '../unit/db/crash-disk.js';
import { checkSize, type Parser } from './parser.js';

const PATH = '/data/filesync.json';
const PATHS = databasePaths(PATH);
const RECORDS = [1, 2, 3].map(number =>
  fileRecord(number, { targets: { archive: { state: 'done', path: `a/${number}`, verified: 'hash' } } }),
);

function snapshotOf(records: readonly FileRecord[]): Buffer {
  const snapshot = { ...emptySnapshot(), seq: records.length };
  records.forEach(record => snapshot.table.add(record));
  return Buffer.concat([...encodeSnapshot(snapshot)]);
}

const SNAPSHOT = snapshotOf(RECORDS);
/** As a person leaves it who has edited it. */
const WITHOUT_CRC = SNAPSHOT.toString().replace(/,"crc":"[0-9a-f]{8}"/, '');
const INDENTED = JSON.stringify(JSON.parse(WITHOUT_CRC), undefined, 2);
const JOURNAL = Buffer.concat([
  ...RECORDS.map((record, index) => encodeCommit({ seq: index + 1, changes: [{ put: record }] })),
  encodeCommit({
    seq: 5,
    changes: [{ delete: fileRecord(2).id }, { source: { device: 'autopilot', scannedAt: 5 } }],
  }),
  Buffer.from('   '),
]);
const ARCHIVE = RECORDS.map(record => `${JSON.stringify(record)}\n`).join('');

/** The line with the right checksum, so that what is in it is read. */
const line = (json: string): Buffer => {
  const rest = json.slice(1);
  return Buffer.from(`{"crc":"${(crc32(rest) >>> 0).toString(16).padStart(8, '0')}",${rest}\n`);
};
const value = fc.oneof(fc.jsonValue(), fc.constantFrom(null, -1, 1e300, '__proto__', RECORDS[0]));
const field = fc.constantFrom(
  ...Object.keys(RECORDS[0] as object),
  '__proto__',
  'constructor',
  'generation',
  'sha256',
);
const badRecord = fc.tuple(field, value).map(([name, other]) => ({ ...RECORDS[0], [name]: other }));
const commits = fc
  .array(
    fc.tuple(
      fc.oneof(fc.nat(9), value),
      fc.oneof(
        fc.array(
          fc.oneof(
            badRecord.map(put => ({ put })),
            value,
          ),
        ),
        value,
      ),
    ),
    { maxLength: 8 },
  )
  .map(all => Buffer.concat(all.map(([seq, changes]) => line(JSON.stringify({ seq, changes })))));

const snapshots: Parser = {
  name: 'database-snapshots',
  seeds: [SNAPSHOT, WITHOUT_CRC, INDENTED, SNAPSHOT.toString().replace('"schema":2', '"schema":3')],
  generated: fc
    .array(badRecord, { maxLength: 5 })
    .map(records => JSON.stringify({ schema: 2, seq: 1, sources: [], records })),
  worst: [
    '[',
    '{"a":',
    '\n',
    '"',
    { before: '{"schema":2,"seq":1,"sources":[],"records":[\n', unit: '{"id":1}\n' },
  ],
  msPerMegabyte: 400,
  async parse(input) {
    const disk = new CrashDisk(new Map([[PATH, input]]));
    const file = await disk.openToRead(PATH);
    assert.ok(file);
    const { table, seq } = await parseSnapshot(file, PATH);
    checkSize(seq);
    return [...table.all()];
  },
};

const journals: Parser = {
  name: 'database-journals',
  seeds: [JOURNAL],
  generated: commits,
  worst: ['\n', '{"crc":"00000000",\n', ' ', '\0', { before: '{"crc":"00000000","seq":', unit: '1' }],
  msPerMegabyte: 400,
  async parse(input) {
    const { commits: found, size, torn } = await decodeJournal(input, 1);
    assert.ok(size >= 0 && torn >= 0 && size + torn <= input.length);
    found.forEach(({ seq }) => checkSize(seq));
    return found;
  },
};

const archives: Parser = {
  name: 'database-archives',
  seeds: [ARCHIVE, `${ARCHIVE}{"id":"00000000`],
  generated: fc.array(badRecord).map(records => records.map(one => `${JSON.stringify(one)}\n`).join('')),
  worst: ['\n', '{"id": "000000000001"\n', '[', '\0'],
  // Each line that is no record costs an exception.
  msPerMegabyte: 800,
  async parse(input) {
    const archive = new Archive(
      new CrashDisk(new Map([[PATHS.archive, input]])),
      PATHS.archive,
      new RecordingLogger(),
    );
    const found = [];
    for await (const record of archive.records(id => id === fileRecord(1).id)) found.push(record);
    assert.ok(found.every(({ id }) => id !== fileRecord(1).id));
    found.forEach(({ size }) => checkSize(size));
    return found;
  },
};

/** The files of the database, each of which is replaced by the input in turn. */
const FILES = [PATHS.snapshot, PATHS.journal, PATHS.oldJournal, PATHS.backup, PATHS.backupJournal];

const databases: Parser = {
  name: 'database-recovery',
  seeds: [SNAPSHOT, JOURNAL, INDENTED],
  generated: commits,
  maxBytes: 64 * 1024,
  maxGrowth: 200,
  async parse(input) {
    const replaced = FILES[input.length % FILES.length] ?? PATH;
    const intact = [
      [PATHS.snapshot, SNAPSHOT],
      [PATHS.backup, SNAPSHOT],
      [PATHS.journal, JOURNAL],
    ] as const;
    const files = new Map<string, Buffer>([
      ...intact.map(([path, bytes]) => [path, bytes] as const),
      [replaced, input],
    ]);
    const disk = new CrashDisk(files);
    const quarantine = new Quarantine(disk, new VirtualClock());
    const { content } = await recover({ disk, paths: PATHS, quarantine, logger: new RecordingLogger() });
    checkSize(content.seq);
    for (const { size, path } of content.table.all()) {
      checkSize(size);
      assert.ok(path !== '');
    }
    // A file that cannot be used is kept under another name: its bytes are never lost.
    const left = [...disk.files().values()];
    assert.ok(
      left.some(bytes => bytes.equals(input)),
      'the file is lost',
    );
    return content.seq;
  },
};

export const databaseParsers: readonly Parser[] = [snapshots, journals, archives, databases];
