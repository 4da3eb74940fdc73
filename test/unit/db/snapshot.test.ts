import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeDisk } from '../../../src/db/disk.js';
import { emptySnapshot, type Snapshot } from '../../../src/db/snapshot-format.js';
import { readSnapshot, writeSnapshot } from '../../../src/db/snapshot.js';
import type { FileRecord } from '../../../src/ports.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { fileRecord } from '../../fakes/file-record.js';

const SOURCES = [
  { device: 'autopilot', scannedAt: 5 },
  { device: 'камера', scannedAt: 6, volume: 'x' },
];

describe('database snapshot', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;

  const write = (records: readonly FileRecord[]) => writeSnapshot(nodeDisk, path, snapshotOf(records));
  const read = async () => {
    const snapshot = await readSnapshot(nodeDisk, path);
    assert.ok(snapshot);
    return [...snapshot.table.all()];
  };
  const edit = async (change: (text: string) => string) =>
    writeFile(path, change(await readFile(path, 'utf8')));
  const withoutCrc = (text: string) => text.replace(/,"crc":"[0-9a-f]{8}"\}\n$/, '}\n');

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'filesync.json');
  });

  afterEach(() => folder.remove());

  it('gives back what was written', async () => {
    await write([fileRecord(1), fileRecord(2)]);
    const snapshot = await readSnapshot(nodeDisk, path);
    assert.deepEqual([snapshot?.schema, snapshot?.seq], [2, 17]);
    assert.deepEqual([...(snapshot?.sources.values() ?? [])], SOURCES);
    assert.deepEqual(await read(), [fileRecord(1), fileRecord(2)]);
    await rm(path);
    assert.equal(await readSnapshot(nodeDisk, path), undefined);
  });

  it('is read in pieces: lines that lie across them, or are longer, come whole', async () => {
    const records = Array.from({ length: 3000 }, (_, number) =>
      fileRecord(number, { description: 'журнал '.repeat(number % 40) }),
    );
    const long = fileRecord(3000, { description: '日本'.repeat(300_000) });
    await write([...records.slice(0, 1500), long, ...records.slice(1500)]);
    assert.deepEqual(await read(), [...records.slice(0, 1500), long, ...records.slice(1500)]);
  });

  it('any changed byte is noticed', async () => {
    await write([fileRecord(1), fileRecord(2)]);
    const bytes = await readFile(path);
    const end = bytes.indexOf('"crc"');
    for (let at = 0; at < end; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 0x01;
      await writeFile(path, flipped);
      // With another number in its place, the file says that a later version wrote it.
      await failsWith(read, 'corrupt', 'config');
    }
  });

  it('texts that records have in common come back in each of them', async () => {
    const boot = '0e4c9e5e-1111-2222-3333-444455556666';
    const delivered = { at: 1, boot, up: 2, synced: true };
    const copy = { state: 'partial', checkpoint: { boot, synced: 1 } } as const;
    const texts = {
      description: 'a long description',
      reason: 'the link was lost',
      skipped: 'exclude: *.ulg',
    };
    const records = [1, 2].map(number => fileRecord(number, { ...texts, delivered, copy }));
    await write(records);
    assert.deepEqual(await read(), records);
  });

  describe('edited by a person', () => {
    it('needs no checksum: its records are checked one by one', async () => {
      await write([fileRecord(1), fileRecord(2)]);
      await edit(text => withoutCrc(text).replace('"size":1001', '"size":7'));
      assert.deepEqual(await read(), [fileRecord(1, { size: 7 }), fileRecord(2)]);
      await edit(text => text.replace('"size":7', '"size":-7'));
      const error = await failsWith(read, 'corrupt');
      assert.match(error.message, /record 1: size/);
    });

    it('is refused with its old checksum, and says what to do', async () => {
      await write([fileRecord(1), fileRecord(2)]);
      await edit(text => text.replace('"size":1001', '"size":7'));
      const error = await failsWith(read, 'corrupt');
      assert.match(error.message, /checksum is wrong.*"crc" must be taken out of its last line/);
    });

    for (const [title, layout] of [
      ['in one line', (content: unknown) => JSON.stringify(content)],
      ['indented', (content: unknown) => JSON.stringify(content, undefined, 2)],
      ['in one line with a line end', (content: unknown) => `${JSON.stringify(content)}\n`],
      ['with blank lines behind its end', (content: unknown) => `${JSON.stringify(content)}\n   \n`],
    ] as const) {
      it(`may be ${title}`, async () => {
        await write([fileRecord(1), fileRecord(2)]);
        await edit(text => layout(JSON.parse(text)));
        assert.deepEqual(await read(), [fileRecord(1), fileRecord(2)]);
        await edit(text => text.replace('1001', '-1'));
        await failsWith(read, 'corrupt');
      });
    }

    it('may have lost its last line end', async () => {
      await write([fileRecord(1), fileRecord(2)]);
      await edit(text => withoutCrc(text).trimEnd());
      assert.deepEqual(await read(), [fileRecord(1), fileRecord(2)]);
    });
  });
});

function snapshotOf(records: readonly FileRecord[]): Snapshot {
  const snapshot: Snapshot = { ...emptySnapshot(), seq: 17 };
  for (const source of SOURCES) snapshot.sources.set(source.device, source);
  for (const record of records) snapshot.table.set(record);
  return snapshot;
}
