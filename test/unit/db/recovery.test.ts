import assert from 'node:assert/strict';
import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { encodeCommit } from '../../../src/db/journal-format.js';
import { openStore } from '../../../src/db/store.js';
import type { FileRecord } from '../../../src/ports.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { fileRecord } from '../../fakes/file-record.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const ASIDE = 'corrupt-2026-11-22T16-00-00.000Z';

describe('database: opening what is not as it should be', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;
  let logger: RecordingLogger;

  const open = (compactAfter = 1000) =>
    openStore(path, { clock: new VirtualClock(Date.UTC(2026, 10, 22, 16)), logger, compactAfter });
  const records = async () => {
    const store = await open();
    await store.close();
    return [...store.all()];
  };
  const numbers = (...list: number[]) => list.map(number => fileRecord(number));
  const fill = async (from: number, to: number, compactAfter?: number) => {
    const store = await open(compactAfter);
    for (let number = from; number <= to; number++) await store.put(fileRecord(number));
    await store.close();
  };
  const names = async () => (await readdir(folder.path)).sort();
  const writeSnapshot = (content: unknown) => writeFile(path, JSON.stringify(content));

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'filesync.json');
    logger = new RecordingLogger();
  });

  afterEach(() => folder.remove());

  it('a new database makes its folder, its snapshot and its journal, and says nothing', async () => {
    path = join(folder.path, 'a', 'b', 'filesync.json');
    assert.deepEqual(await records(), []);
    const { crc: _crc, ...content } = JSON.parse(await readFile(path, 'utf8')) as { crc: string };
    assert.deepEqual(content, { schema: 2, seq: 0, sources: [], records: [] });
    assert.deepEqual(await readdir(join(folder.path, 'a', 'b')), ['filesync.json', 'filesync.json.journal']);
    assert.deepEqual(logger.entries, []);
  });

  it('the snapshot has one record a line, for people', async () => {
    await fill(1, 10, 3);
    const lines = (await readFile(path, 'utf8')).split('\n');
    assert.ok(lines.some(line => line.replace(/,$/, '') === JSON.stringify(fileRecord(2))));
  });

  it('a torn last line of the journal is dropped, with a word, and the journal goes on', async () => {
    await fill(1, 3);
    await trimPadding(`${path}.journal`);
    await appendFile(`${path}.journal`, '{"crc":"00000000","seq":4,"changes":[{"pu');
    assert.deepEqual(await records(), numbers(1, 2, 3));
    assert.deepEqual(
      logger.entries.map(entry => entry.level),
      ['info'],
    );
    assert.match(logger.messages().join(), /unfinished write/);
    await fill(4, 4);
    assert.deepEqual(await records(), numbers(1, 2, 3, 4));
    assert.equal(logger.entries.length, 1);
  });

  it('room that the journal has reserved is kept, and grows no further by opening', async () => {
    const sizes: number[] = [];
    for (const number of [1, 2, 3]) {
      await fill(number, number);
      sizes.push((await stat(`${path}.journal`)).size);
    }
    assert.deepEqual(sizes, [sizes[0], sizes[0], sizes[0]]);
    assert.deepEqual(await records(), numbers(1, 2, 3));
  });

  for (const [title, content] of [
    ['torn', '{"schema":2,"seq":12,"sources":[],"records":[\n{"id":"00000'],
    ['empty', ''],
    ['not ours', '{"name":"another program"}'],
    ['not an object', '[1, 2, 3]'],
    ['of a schema that never was', '{"schema":0,"seq":1,"records":[]}'],
    ['with a record that is none', '{"schema":2,"seq":1,"sources":[],"records":[{"id":"000000000001"}]}'],
    ['with a source that is none', '{"schema":2,"seq":1,"sources":[{}],"records":[]}'],
    ['without sources', '{"schema":2,"seq":1,"records":[]}'],
    ['of schema 1, with a record that is none', '{"schema":1,"seq":1,"records":[{"id":"000000000001"}]}'],
    ['binary', '\u0000\u0000\u0000\u0000'],
  ] as const) {
    it(`a snapshot that is ${title} is quarantined, and the backup gives all`, async () => {
      await fill(1, 20, 3);
      await writeFile(path, content);
      assert.deepEqual(await records(), range(1, 20));
      assert.equal(await readFile(`${path}.${ASIDE}`, 'utf8'), content);
      const warnings = logger.messages('warn').join('\n');
      assert.match(warnings, /filesync\.json is damaged .* moved to .*filesync\.json\.corrupt-/);
      assert.match(warnings, /backup/);
      assert.deepEqual(logger.messages('error'), []);
      logger.entries.length = 0;
      assert.deepEqual(await records(), range(1, 20));
      assert.deepEqual(logger.entries, [], 'healed: the next start has nothing to say');
    });
  }

  it('a snapshot that is missing is made from the backup', async () => {
    await fill(1, 20, 3);
    await rm(path);
    assert.deepEqual(await records(), range(1, 20));
    assert.match(logger.messages('warn').join(), /backup/);
  });

  it('the backup put in the place of the snapshot by hand gives all, too', async () => {
    await fill(1, 20, 3);
    await writeFile(path, await readFile(`${path}.bak`));
    assert.deepEqual(await records(), range(1, 20));
    assert.deepEqual(logger.messages('error'), []);
  });

  it('without a usable backup the journal alone is used, and an error names the quarantined files', async () => {
    await fill(1, 3);
    await writeFile(path, 'x');
    await writeFile(`${path}.bak`, 'y');
    assert.deepEqual(await records(), numbers(1, 2, 3));
    const error = logger.messages('error').join('\n');
    for (const name of [path, `${path}.${ASIDE}`, `${path}.bak.${ASIDE}`])
      assert.ok(error.includes(name), error);
    assert.equal(await readFile(`${path}.bak.${ASIDE}`, 'utf8'), 'y');
  });

  it('with nothing usable it starts empty, but with an error', async () => {
    await writeFile(path, 'x');
    assert.deepEqual(await records(), []);
    assert.match(logger.messages('error').join(), new RegExp(`no usable backup .*${ASIDE}`));
    assert.equal(await readFile(`${path}.${ASIDE}`, 'utf8'), 'x');
  });

  it('a snapshot of a later version is refused, and nothing is touched', async () => {
    await fill(1, 20, 3);
    await writeSnapshot({ schema: 3, seq: 5, files: {} });
    await appendFile(`${path}.journal`, 'torn');
    const before = await contents(folder.path);
    const error = await failsWith(() => open(), 'config');
    assert.match(error.message, /upgrade filesync/);
    assert.deepEqual(await contents(folder.path), before);
    assert.deepEqual(logger.entries, []);
  });

  it('a backup of a later version is refused, too, and a damaged snapshot stays where it is', async () => {
    await writeFile(path, 'x');
    await writeFile(`${path}.bak`, '{"schema":3}');
    await failsWith(() => open(), 'config');
    assert.deepEqual(await names(), ['filesync.json', 'filesync.json.bak']);
  });

  it('what a later version added to a record of this schema stays', async () => {
    const richer = { ...fileRecord(1), thumbnail: 'a.png' } as FileRecord;
    await writeSnapshot({ schema: 2, seq: 0, sources: [], records: [richer] });
    await fill(2, 9, 3);
    assert.deepEqual((await records())[0], richer);
  });

  it('damage in the middle of the journal: the rest is used, a copy kept, the loss told once', async () => {
    await fill(1, 5);
    const lines = (await readFile(`${path}.journal`, 'utf8')).split('\n');
    lines[2] = lines[2]?.replace('autopilot', 'autoPILOT') ?? '';
    await writeFile(`${path}.journal`, lines.join('\n'));
    assert.deepEqual(await records(), numbers(1, 2, 4, 5));
    const errors = logger.messages('error').join('\n');
    assert.match(errors, /unreadable; a copy was kept as .*journal\.corrupt-/);
    assert.match(errors, /missing from the journal of .*filesync\.json: 1;/);
    assert.equal(await readFile(`${path}.journal.${ASIDE}`, 'utf8'), lines.join('\n'));
    logger.entries.length = 0;
    assert.deepEqual(await records(), numbers(1, 2, 4, 5));
    assert.deepEqual(logger.entries, []);
  });

  it('a journal that is something else altogether is not thrown away unseen', async () => {
    await fill(1, 2);
    await writeFile(`${path}.journal`, 'dear diary\ntoday I flew\n');
    assert.deepEqual(await records(), []);
    assert.match(logger.messages('error').join(), /unreadable/);
    assert.equal(await readFile(`${path}.journal.${ASIDE}`, 'utf8'), 'dear diary\ntoday I flew\n');
  });

  it('a line whose record is none counts as unreadable even if its checksum is right', async () => {
    const bad = { seq: 1, changes: [{ put: { ...fileRecord(1), size: -1 } }] };
    const good = { seq: 2, changes: [{ put: fileRecord(2) }] };
    await writeSnapshot({ schema: 2, seq: 0, sources: [], records: [] });
    await writeFile(`${path}.journal`, Buffer.concat([encodeCommit(bad), encodeCommit(good)]));
    assert.deepEqual(await records(), numbers(2));
    assert.match(logger.messages('error').join(), /unreadable/);
  });

  it('an unfinished snapshot that a crash left is cleared away', async () => {
    await writeFile(`${path}.tmp`, '{"schema":2,"se');
    await fill(1, 2);
    assert.deepEqual(await names(), ['filesync.json', 'filesync.json.journal']);
  });

  it('a symbolic link to the database stays one', async () => {
    const real = join(folder.path, 'real.json');
    await fill(1, 1);
    await symlink('filesync.json', real);
    path = real;
    await fill(2, 20, 3);
    path = join(folder.path, 'filesync.json');
    assert.deepEqual(await records(), range(1, 20));
    assert.ok(!(await names()).includes('real.json.journal'));
  });

  it('it is open once only, by whatever name', async () => {
    const store = await open();
    const name = path;
    path = join(folder.path, 'link.json');
    await symlink(name, path);
    const error = await failsWith(() => open(), 'config');
    assert.match(error.message, /another filesync is using the database .*filesync\.json/);
    await store.close();
    assert.deepEqual(await records(), []);
  });

  it('a folder in its place, or a file in the place of its folder: says what to do', async () => {
    await mkdir(path);
    const folderThere = await failsWith(() => open(), 'config');
    assert.match(folderThere.message, /a folder of that name .*"database" in the configuration/);
    await writeFile(join(folder.path, 'file'), '');
    path = join(folder.path, 'file', 'filesync.json');
    const fileThere = await failsWith(() => open(), 'config');
    assert.match(fileThere.message, /"database" in the configuration/);
  });

  it('a database that could not be opened is not locked', async () => {
    await writeFile(path, '{"schema":3}');
    await failsWith(() => open(), 'config');
    await rm(path);
    assert.deepEqual(await records(), []);
  });
});

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => fileRecord(from + index));

async function contents(folder: string): Promise<Record<string, string>> {
  const files = (await readdir(folder)).sort();
  const texts = await Promise.all(files.map(file => readFile(join(folder, file), 'utf8')));
  return Object.fromEntries(files.map((file, index) => [file, texts[index] ?? '']));
}

async function trimPadding(path: string): Promise<void> {
  await truncate(path, (await readFile(path, 'utf8')).trimEnd().length + 1);
}
