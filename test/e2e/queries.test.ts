import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as schema from '../../src/api/schema.js';
import { eventually, sample } from '../conformance/support.js';
import { folders, jsonLines, put, records, sync } from './parts.js';
import { MAIN, Place } from './program.js';

const execute = promisify(execFile);

const statusOf = async (place: Place, config: string) => {
  const { code, stdout, stderr } = await place.run(['status', '-c', config, '--json']);
  assert.equal(code, 0, stderr);
  return schema.status.parse(JSON.parse(stdout));
};

/** Names, sizes and times of all that lies below. */
async function tree(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { recursive: true })).sort();
  return Promise.all(
    names.map(async name => {
      const { size, mtimeMs } = await stat(join(folder, name));
      return `${name} ${size} ${mtimeMs}`;
    }),
  );
}

/** An FTP server that does not run: what is meant for it waits. */
const archive = { type: 'ftp', host: '127.0.0.1', port: 1, user: 'u' };
const withArchive = folders({ rule: { to: ['outbox', 'archive'] }, devices: { archive } });

describe('filesync status, files and show', function () {
  this.timeout(60_000);

  it('make and lock nothing, and work before anything was done', () =>
    Place.with(async place => {
      await mkdir(place.path('inbox'));
      const config = await place.configure(folders());
      const before = await tree(place.folder);
      const { verdict } = await statusOf(place, config);
      assert.equal(verdict.code, 'SAFE');
      assert.match(verdict.text, /^no files yet; no daemon runs, /);
      assert.deepEqual(await records(place, config), []);
      assert.equal((await place.run(['show', 'abc', '-c', config])).code, 1);
      assert.deepEqual(await tree(place.folder), before);
    }));

  it('say that a database is damaged, which must not pass for an empty one', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(1000));
      const config = await place.configure(folders());
      await sync(place, config);
      for (const name of (await readdir(place.path('data'))).filter(one => one.startsWith('filesync.json')))
        await writeFile(place.path('data', name), 'no database');
      const { verdict, database } = await statusOf(place, config);
      assert.equal(verdict.code, 'ATTENTION');
      assert.match(database, /filesync\.json.* cannot be read/);
      const shown = await place.run(['status', '-c', config]);
      assert.equal(`${shown.stdout}${shown.stderr}`.match(/cannot be read/g)?.length, 1, shown.stderr);
      for (const args of [['files'], ['sync', '--dry-run'], ['check']]) {
        const { stderr } = await place.run([...args, '-c', config]);
        assert.match(stderr, /warning: the database: .*cannot be read/, args.join(' '));
      }
    }));

  it('while a daemon starts, stop it from nothing', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(1000));
      const config = await place.configure(folders());
      const daemon = place.start(['run', '-c', config]);
      const asked = Array.from({ length: 5 }, () => statusOf(place, config));
      await daemon.says(/working with/);
      await Promise.all(asked);
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    }));

  it('during a sync tell what is under way and what waits for what', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(1000));
      const config = await place.configure(withArchive);
      const pass = place.start(['sync', '-c', config]);
      await eventually(async () => (await statusOf(place, config)).waiting.length === 1);
      const { running, waiting, verdict, devices } = await statusOf(place, config);
      assert.equal(running, true);
      assert.deepEqual(
        waiting.map(({ device, stage, code, files }) => ({ device, stage, code, files })),
        [{ device: 'archive', stage: 'deliver', code: 'offline', files: 1 }],
      );
      assert.match(
        verdict.text,
        /^1 file is safe on this computer, not yet on archive: 1 file waits: archive offline since \S+ \(127\.0\.0\.1 refuses/,
      );
      const known = devices.map(({ name, available }) => [name, available]);
      assert.deepEqual(known, [
        ['inbox', true],
        ['outbox', true],
        ['archive', false],
      ]);
      const [file] = await records(place, config);
      assert.deepEqual(
        file?.waiting.map(({ target, code }) => [target, code]),
        [['archive', 'offline']],
      );
      assert.equal((await pass.kill('SIGTERM')).code, 143);
    }));

  it('say to another user, who may not look into the folder, how it is done', async function () {
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, MAIN];
    const canRun = await execute('setpriv', [...nobody, '--version']).then(
      () => true,
      () => false,
    );
    // Only root can become another user, who may not be able to reach the program's folder.
    if (process.getuid?.() !== 0 || !canRun) return this.skip();
    await Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(1000));
      const config = await place.configure(folders());
      await sync(place, config);
      await chmod(place.folder, 0o755);
      await chmod(config, 0o644);
      for (const command of [['status'], ['files'], ['show', 'a'], ['retry', '--failed']]) {
        const asked = execute('setpriv', [...nobody, ...command, '-c', config]).then(() =>
          assert.fail('it is refused'),
        );
        const { code, stderr } = await asked.catch((error: { code: number; stderr: string }) => error);
        assert.equal(code, 1);
        assert.match(
          stderr,
          /^filesync: this user may not look into .*, where the database is: run the command as/,
        );
      }
    });
  });

  it('show a running transfer with percentage, rate and time left', () =>
    Place.with(async place => {
      await place.sparse('inbox/large.bin', 3_000_000_000);
      const config = await place.configure(folders());
      const daemon = place.start(['run', '-c', config]);
      await eventually(async () => ((await statusOf(place, config)).transfers[0]?.bytes_per_second ?? 0) > 0);
      const { stdout } = await place.run(['status', '-c', config]);
      assert.match(stdout, /transfers:\n {2}\d+ % +\d.*B of 3\.0 GB +\d.*B\/s +\d.* left +inbox:large\.bin/);
      await daemon.kill('SIGTERM');
    }));

  it('select, sort and format', () =>
    Place.with(async place => {
      for (const [index, name] of ['b.ulg', 'a.ulg', 'c.txt'].entries())
        await put(place.path('inbox', name), sample(1000 * (index + 1), index));
      const config = await place.configure(folders());
      await sync(place, config);
      const listed = async (...options: string[]) =>
        (await place.run(['files', '-c', config, '--format', '{path}', ...options])).stdout
          .trim()
          .split('\n');
      assert.deepEqual(await listed('--sort', 'size'), ['b.ulg', 'a.ulg', 'c.txt']);
      assert.deepEqual(await listed('--sort=-size', '--limit', '2'), ['c.txt', 'a.ulg']);
      assert.deepEqual(await listed('--sort', '-size', '--limit', '2'), ['c.txt', 'a.ulg']);
      assert.deepEqual((await listed('--match', '*.ulg')).sort(), ['a.ulg', 'b.ulg']);
      assert.deepEqual(await listed('--larger', '2500'), ['c.txt']);
      assert.deepEqual((await listed('--since', '1h')).length, 3);
      assert.deepEqual(await listed('--until', '2026-01-01'), ['']);
      assert.deepEqual((await listed('--state', 'uploaded,failed')).length, 3);
    }));

  it('name the device, the state, the key and the field that they do not know', () =>
    Place.with(async place => {
      const config = await place.configure(folders());
      const cases: readonly (readonly [string, string, RegExp])[] = [
        ['--device', 'inboks', /no device is called inboks; did you mean "inbox"\?/],
        ['--state', 'UPLODED', /no state is called UPLODED; did you mean "uploaded"\?/],
        ['--sort', 'sise', /--sort sise: did you mean "size"\?/],
        ['--sort', '-sise', /--sort -sise: did you mean "size"\?/],
        ['--format', '{pth}', /--format \{pth\}: did you mean "path"\?/],
        ['--since', 'yesterday', /--since: "yesterday" is no time/],
        ['--larger', 'much', /--larger: must be a size/],
        ['--limit', '0', /--limit: must be a whole number/],
      ];
      for (const [option, value, expected] of cases) {
        const { code, stderr } = await place.run(['files', '-c', config, option, value]);
        assert.equal(code, 2, option);
        assert.match(stderr, expected);
      }
    }));

  it('tell everything about one file, with what helps', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(1000));
      const config = await place.configure(withArchive);
      await sync(place, config, { code: 1 });
      const [file] = await records(place, config);
      const { stdout } = await place.run(['show', file?.id.slice(0, 5) ?? '', '-c', config]);
      assert.match(stdout, /^inbox:a\.bin\n {2}id +[0-9a-f]{12}\n/);
      for (const part of [
        /SHA-256 +[0-9a-f]{64}/,
        /found on inbox/,
        /fetched/,
        /delivered to outbox \(proof: hash\)/,
      ])
        assert.match(stdout, part);
      assert.match(stdout, /archive +PENDING/);
      assert.match(stdout, /filesync run/);
      const json = await place.run(['show', file?.id ?? '', '-c', config, '--json']);
      assert.deepEqual(schema.file.parse(JSON.parse(json.stdout)), file);
    }));

  it('print JSON lines of the schema, also of what a daemon answers', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(1000));
      const config = await place.configure(folders());
      const daemon = place.start(['run', '-c', config]);
      const delivered = async () => (await records(place, config)).some(({ state }) => state === 'UPLOADED');
      await eventually(delivered);
      const { stdout } = await place.run(['files', '-c', config, '--json']);
      for (const line of jsonLines(stdout)) schema.file.parse(line);
      assert.equal((await statusOf(place, config)).running, true);
      await daemon.kill('SIGTERM');
    }));

  it('status --exit-code tells a script whether all is delivered, with and without a daemon', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(1000));
      const config = await place.configure(folders());
      const exitCode = async () => (await place.run(['status', '-c', config, '--exit-code'])).code;
      assert.equal(await exitCode(), 0);
      const daemon = place.start(['run', '-c', config]);
      await eventually(async () => (await statusOf(place, config)).verdict.text === '1 file delivered');
      assert.equal(await exitCode(), 0);
      await daemon.kill('SIGTERM');
      assert.equal(await exitCode(), 0);
      const dead = await place.configure(withArchive);
      await put(place.path('inbox/b.bin'), sample(1000, 1));
      await sync(place, dead, { code: 1 });
      assert.equal((await place.run(['status', '-c', dead, '--exit-code'])).code, 1);
    }));

  it('status refuses --exit-code with --watch, which ends by a signal', () =>
    Place.with(async place => {
      const config = await place.configure(folders());
      const { code, stderr } = await place.run(['status', '-c', config, '--watch', '--exit-code']);
      assert.equal(code, 2);
      assert.match(stderr, /--exit-code .*--watch/);
    }));

  it('with --json print an error as an object of its own, too', () =>
    Place.with(async place => {
      const config = await place.configure(folders());
      const cases: readonly (readonly [args: readonly string[], code: number, message: RegExp])[] = [
        [['show', 'abc', '-c', config], 1, /abc/],
        [['files', '-c', config, '--state', 'lost'], 2, /no state is called lost/],
        [['status', '-c', place.path('none.yaml')], 2, /none\.yaml/],
        [['retry', 'abc', '-c', place.path('none.yaml')], 2, /none\.yaml/],
        [['status', '--jsn'], 2, /Unknown argument: jsn/],
        [['sync', '-c', place.path('none.yaml')], 2, /none\.yaml/],
      ];
      for (const [args, code, message] of cases) {
        const ended = await place.run([...args, '--json']);
        assert.equal(ended.code, code, ended.stderr);
        const printed = JSON.parse(ended.stdout) as object;
        assert.deepEqual(Object.keys(printed), ['error']);
        assert.match(schema.failure.parse(printed).error, message);
        assert.match(ended.stderr, message);
      }
    }));

  it('status --watch prints what has changed, until it is stopped', () =>
    Place.with(async place => {
      await mkdir(place.path('inbox'));
      const config = await place.configure({ ...folders(), interval: '200ms' });
      const watching = place.start(['status', '-c', config, '--watch']);
      await watching.says(/SAFE: +no files yet; no daemon runs/);
      const daemon = place.start(['run', '-c', config]);
      await watching.says(/daemon: running/);
      await put(place.path('inbox/a.bin'), sample(1000));
      await watching.says(/SAFE: +1 file delivered/);
      assert.equal((await watching.kill('SIGINT')).code, 130);
      await daemon.kill('SIGTERM');
    }));

  it('status --watch prints the warnings of the configuration once', () =>
    Place.with(async place => {
      await mkdir(place.path('inbox'));
      const literal = { ...archive, password: 'not in a file' };
      const config = await place.configure(folders({ devices: { archive: literal } }));
      const watching = place.start(['status', '-c', config, '--watch']);
      await watching.says(/SAFE: +no files yet; no daemon runs/);
      const daemon = place.start(['run', '-c', config]);
      await watching.says(/daemon: running/);
      await daemon.kill('SIGTERM');
      await watching.says(/daemon: running[^]*daemon: not running/);
      const { code, stderr } = await watching.kill('SIGINT');
      assert.equal(code, 130);
      assert.equal(stderr.match(/^warning: /gm)?.length, 1, stderr);
    }));
});
