import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Place, MAIN } from './program.js';

const FOLDERS = {
  local: './data',
  devices: {
    inbox: { type: 'directory', path: './inbox' },
    shelf: { type: 'directory', path: './shelf' },
    // A secret in the file itself costs a warning.
    archive: { type: 'ftp', host: '127.0.0.1', port: 1, user: 'u', password: 'hunter22' },
  },
  rules: [{ from: 'inbox', to: ['shelf'], settle: 0 }],
};

interface Line {
  readonly time: string;
  readonly level: string;
  readonly logger: string;
  readonly message: string;
}

/** What `filesync sync` writes to a standard error that JOURNAL_STREAM names. */
async function journalOf(place: Place, args: readonly string[]): Promise<string> {
  const file = openSync(place.path('journal'), 'w');
  const { dev, ino } = fstatSync(file, { bigint: true });
  const env = { PATH: process.env['PATH'], HOME: place.folder, JOURNAL_STREAM: `${dev}:${ino}` };
  const program = spawn(process.execPath, [MAIN, ...args], {
    ...{ cwd: place.folder, env, stdio: ['ignore', 'ignore', file] },
  });
  await once(program, 'close');
  closeSync(file);
  return readFileSync(place.path('journal'), 'utf8');
}

describe('the log', function () {
  this.timeout(30_000);

  it('--log-format json: each line of standard error is an object', () =>
    Place.with(async place => {
      await place.sparse('inbox/a.bin', 10);
      const config = await place.configure(FOLDERS);
      const { code, stderr } = await place.run(['sync', '-c', config, '--log-format', 'json']);
      assert.equal(code, 0, stderr);
      const lines = stderr
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line) as Line);
      for (const line of lines) {
        assert.deepEqual(Object.keys(line), ['time', 'level', 'logger', 'message']);
        assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      }
      const said = lines.map(({ level, logger, message }) => `${level} ${logger} ${message}`).join('\n');
      assert.match(said, /^warn filesync .*a secret in the configuration/m);
      assert.match(said, /^info filesync\S* inbox:a\.bin: found/m);
    }));

  it('--log-format json: an error that ends the program is an object, too', () =>
    Place.with(async place => {
      const config = await place.configure({ ...FOLDERS, rule: [] });
      const { code, stderr } = await place.run(['run', '-c', config, '--log-format', 'json']);
      assert.equal(code, 2);
      const { level, message } = JSON.parse(stderr) as Line;
      assert.equal(level, 'error');
      assert.match(message, /unknown key/);
    }));

  it('under systemd each line begins with its priority and has no time', () =>
    Place.with(async place => {
      await place.sparse('inbox/a.bin', 10);
      const config = await place.configure(FOLDERS);
      const journal = await journalOf(place, ['sync', '-c', config]);
      assert.match(journal, /^<4>filesync: .*a secret in the configuration/m);
      assert.match(journal, /^<6>filesync\S*: inbox:a\.bin: found/m);
      for (const line of journal.trimEnd().split('\n')) assert.match(line, /^<[3467]>filesync/);
      const broken = await place.configure({ ...FOLDERS, rule: [], device: [] });
      assert.match(await journalOf(place, ['run', '-c', broken]), /^(<3>filesync: .*unknown key.*\n){2}$/);
    }));

  it('a standard error that JOURNAL_STREAM does not name is none of the journal', () =>
    Place.with(async place => {
      await place.sparse('inbox/a.bin', 10);
      const args = ['sync', '-c', await place.configure(FOLDERS)];
      const { stderr } = await place.run(args, { JOURNAL_STREAM: '1:2' });
      assert.match(stderr, /^warning: .*a secret in the configuration/m);
    }));
});
