import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { sample } from '../conformance/support.js';
import { fileRecord } from '../fakes/file-record.js';
import { filesBelow, folders, jsonLines, put, records, sync } from './parts.js';
import { Place } from './program.js';

const HEADER = { filesync: 'export', version: 1, exported_at: '2026-11-30T00:00:00.000Z' };

async function filled(place: Place): Promise<string> {
  for (const name of ['a.bin', 'x/b.bin']) await put(place.path('inbox', name), sample(100));
  const config = await place.configure(folders());
  await sync(place, config);
  return config;
}

/** Another database beside the same folders. */
const empty = (place: Place) =>
  place.configure(folders({ top: { database: './other/filesync.json' } }), 'other.yaml');

const linesOf = async (place: Place, config: string) => {
  const { code, stdout, stderr } = await place.run(['export', '-c', config]);
  assert.equal(code, 0, stderr);
  return jsonLines(stdout).slice(1);
};

describe('filesync export and import', function () {
  this.timeout(60_000);

  it('carry the whole database over, with its archive; nothing is sent again', () =>
    Place.with(async place => {
      await filled(place);
      // What is delivered and gone moves to the archive in the next pass.
      const old = await place.configure(folders({ top: { keep_records: '0s' } }));
      await rm(place.path('inbox/a.bin'));
      await sync(place, old);
      await sync(place, old);
      const config = await place.configure(folders());
      const before = await linesOf(place, config);
      const kinds = before.map(line => Object.keys(line as object)[0]);
      assert.deepEqual(kinds, ['record', 'archived', 'source', 'end']);
      const exported = await place.run(['export', '-c', config, 'backup.jsonl']);
      assert.equal(exported.code, 0, exported.stderr);
      assert.equal((await stat(place.path('backup.jsonl'))).mode & 0o777, 0o600);

      const other = await empty(place);
      const { code, stdout, stderr } = await place.run(['import', '-c', other, 'backup.jsonl']);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, '2 records added, 0 were there already and stay as they are\n');
      assert.deepEqual(await linesOf(place, other), before);
      const said = await sync(place, other);
      assert.doesNotMatch(said, /delivered to/);
      assert.deepEqual(await filesBelow(place.path('outbox')), ['a.bin', 'x/b.bin']);
    }));

  it('refuses a database that has records; with --merge these stay as they are', () =>
    Place.with(async place => {
      const config = await filled(place);
      const [first] = await linesOf(place, config);
      const { record } = first as { record: { id: string; description: string } };
      const lines = [
        ...[HEADER, { record: { ...record, description: 'changed' } }, { record: fileRecord(7) }],
        { end: { sources: 0, records: 2, archived: 0 } },
      ];
      await writeFile(place.path('more.jsonl'), lines.map(line => `${JSON.stringify(line)}\n`).join(''));
      const before = await linesOf(place, config);
      const refused = await place.run(['import', '-c', config, 'more.jsonl']);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /the database has records already: --merge adds/);
      assert.deepEqual(await linesOf(place, config), before);
      const merged = await place.run(['import', '-c', config, '--merge', '--json', 'more.jsonl']);
      assert.deepEqual(JSON.parse(merged.stdout), { added: 1, kept: 1 });
      const after = await records(place, config);
      assert.equal(after.length, 3);
      assert.equal(after.find(({ id }) => id === record.id)?.description, record.description);
    }));

  it('replaces no file, and refuses while a daemon runs', () =>
    Place.with(async place => {
      const config = await filled(place);
      await writeFile(place.path('mine.txt'), 'mine');
      const refused = await place.run(['export', '-c', config, 'mine.txt']);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /mine\.txt is there already: name a new file/);
      assert.equal(await readFile(place.path('mine.txt'), 'utf8'), 'mine');
      const daemon = place.start(['run', '-c', config]);
      await daemon.says('working with');
      assert.equal((await place.run(['export', '-c', config, 'live.jsonl'])).code, 0);
      const imported = await place.run(['import', '-c', config, '--merge', 'live.jsonl']);
      assert.equal(imported.code, 2);
      assert.match(imported.stderr, /a daemon uses this database: stop it/);
      assert.equal((await daemon.kill('SIGINT')).code, 130);
    }));

  it('has no secret in an export', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(100));
      const archive = { type: 'ftp', host: '127.0.0.1', port: 1, user: 'u', password: 'geheim-1' };
      const page = {
        ...{ type: 'http', url: 'http://127.0.0.1:1/in?key=x' },
        headers: { Authorization: 'Bearer geheim-2' },
      };
      const devices = { archive, page };
      const config = await place.configure(folders({ devices, rule: { to: ['archive', 'page'] } }));
      await sync(place, config, { code: 1 });
      const { stdout } = await place.run(['export', '-c', config]);
      assert.match(stdout, /"path":"a\.bin"/);
      assert.doesNotMatch(stdout, /geheim/);
    }));

  const good = JSON.stringify({ record: fileRecord(1) });
  const end = JSON.stringify({ end: { sources: 0, records: 1, archived: 0 } });
  const head = JSON.stringify(HEADER);
  const hostile: readonly (readonly [string, string, RegExp])[] = [
    ['nothing', '', /:1: the end is missing/],
    ['something else', '{"a":1}\n', /:1: this is no export of version 1/],
    [
      'another version',
      `${JSON.stringify({ ...HEADER, version: 2 })}\n`,
      /:1: this is no export of version 1/,
    ],
    ['half an export', `${head}\n${good}\n`, /:3: the end is missing: the file is not whole/],
    ['a line that is cut off', `${head}\n${good.slice(0, 50)}`, /:2: /],
    ['fewer records than it says', `${head}\n${end}\n`, /:2: 0 records instead of 1/],
    ['a record twice', `${head}\n${good}\n${good}\n${end}\n`, /:3: the record 000000000001 is there twice/],
    ['lines after the end', `${head}\n${good}\n${end}\n${good}\n`, /:4: nothing may follow/],
    ['a wrong field', `${head}\n${good.replace('"size":1001', '"size":-1')}\n`, /:2: record\.size: /],
    [
      'a local copy outside of its folder',
      `${head}\n${good.replace('"local":"autopilot/', '"local":"../../etc/')}\n`,
      /:2: .*leads out of the local folder/,
    ],
    ['a line without end', `${head}\n${' '.repeat(5_000_000)}`, /:2: the line is too long/],
    ['no text', '\u0000\u0001\u0002', /:1: this is no export/],
  ];
  for (const [title, text, message] of hostile)
    it(`imports nothing of a file with ${title}`, () =>
      Place.with(async place => {
        await mkdir(place.path('inbox'));
        const config = await place.configure(folders());
        await writeFile(place.path('bad.jsonl'), text);
        const { code, stderr } = await place.run(['import', '-c', config, 'bad.jsonl']);
        assert.equal(code, 2, stderr);
        assert.match(stderr, message);
        assert.ok(stderr.length < 1_000, stderr.slice(0, 2_000));
        assert.deepEqual((await readdir(place.folder)).sort(), ['bad.jsonl', 'filesync.yaml', 'inbox']);
      }));
});
