import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { commands, nameOf } from '../../src/cli/commands.js';
import { runChild } from '../../src/system/child.js';
import { Place } from './program.js';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const MAX_CHILD_MS = 60_000;

describe('the help', function () {
  this.timeout(60_000);
  let place: Place;

  before(async () => void (place = await Place.make()));
  after(() => place.close());

  it('is printed for the name alone, which is bad usage all the same', async () => {
    const [bare, asked] = [await place.run([]), await place.run(['--help'])];
    assert.deepEqual([bare.code, bare.stderr], [2, '']);
    assert.equal(bare.stdout, asked.stdout);
  });

  for (const args of [['-h'], ['help'], ['help', '--json']]) {
    it(`is the same by ${args.join(' ')}`, async () => {
      const { code, stdout } = await place.run(args);
      assert.equal(code, 0);
      assert.equal(stdout, (await place.run(['--help'])).stdout);
    });
  }

  it('lists every command once, in groups', async () => {
    const { stdout } = await place.run(['--help']);
    for (const command of commands) {
      const lines = stdout
        .split('\n')
        .filter(line => new RegExp(`^  filesync ${nameOf(command)}\\b`).test(line));
      assert.equal(lines.length, 1, nameOf(command));
    }
    assert.match(stdout, /^Bring files:\n {2}filesync sync /m);
  });

  it('of a command is printed by help COMMAND and COMMAND -h, with its examples', async () => {
    for (const command of commands) {
      const name = nameOf(command);
      const { code, stdout } = await place.run([name, '--help']);
      assert.equal(code, 0);
      assert.match(stdout, /^Options:$/m);
      assert.match(stdout, /^Examples:\n {2}\S/m, name);
    }
    const long = await place.run(['sync', '--help']);
    for (const args of [
      ['help', 'sync'],
      ['sync', '-h'],
      ['sync', 'help'],
    ])
      assert.deepEqual(await place.run(args), long);
  });

  it('of what is no command is refused with the nearest one', async () => {
    const { code, stderr } = await place.run(['help', 'snyc']);
    assert.match(stderr, /Did you mean sync\?/);
    assert.equal(code, 2);
  });
});

describe('the examples of the help', () => {
  it('use only options that their command has', async () => {
    for (const listed of commands) {
      const { options } = await listed.load();
      const aliases = Object.values(options).flatMap(({ alias = [] }) => alias);
      const known = [...Object.keys(options), ...aliases, 'ros-args'];
      assert.ok(listed.examples.length > 0, nameOf(listed));
      for (const [line] of listed.examples) {
        const [own = ''] = line.split(' | ');
        if (!own.startsWith(`filesync ${nameOf(listed)}`)) continue;
        // A word with one dash is a value, such as that of --sort.
        const used = [...own.matchAll(/ (?:--([a-z][a-z-]*)|-([a-z])(?=\s|$))/g)].map(
          ([, name, letter]) => name ?? letter,
        );
        const unknown = used.filter(name => !known.includes(name ?? '') && name !== 'p');
        assert.deepEqual(unknown, [], line);
      }
    }
  });
});

describe('an option that is not known', function () {
  this.timeout(60_000);

  const wrong: Record<string, { args: string[]; says: RegExp }> = {
    'with one letter missing': {
      args: ['sync', '--jsn'],
      says: /Unknown argument: jsn; did you mean --json\?\n/,
    },
    'with a dash': { args: ['sync', '--log-lvl=x'], says: /: log-lvl; did you mean --log-level\?\n/ },
    'among letters behind one dash': {
      args: ['sync', '-xy'],
      says: /Unknown arguments: x, y; known: --config,/,
    },
    'that only another command has': { args: ['sync', '--failed'], says: /known: --config, --json,/ },
  };
  for (const [what, { args, says }] of Object.entries(wrong)) {
    it(`${what} gets the nearest one of that command`, () =>
      Place.with(async place => {
        const { code, stderr } = await place.run(args);
        assert.match(stderr, says);
        assert.match(stderr, /See: filesync sync --help/);
        assert.equal(code, 2);
      }));
  }
});

describe('make and npm test', function () {
  this.timeout(MAX_CHILD_MS);
  const env = { PATH: process.env['PATH'] ?? '' };
  const make = async (...targets: string[]) => {
    const args = ['--no-print-directory', '-C', REPOSITORY, ...targets];
    return runChild('make', args, { env, ms: MAX_CHILD_MS, remedy: 'install make' });
  };

  it('list what can be made, and run nothing', async () => {
    const { code, stdout } = await make();
    assert.equal(code, 0);
    for (const target of ['demo', 'test', 'deb'])
      assert.match(stdout, new RegExp(`^ {2}make ${target} +\\w`, 'm'));
    assert.equal(stdout, (await make('help')).stdout);
  });

  it('name `make test` where what the tests need is not there', () =>
    Place.with(async place => {
      await mkdir(place.path('test'));
      await writeFile(place.path('test/a.test.cjs'), `it('fails', () => { throw new Error('no'); });`);
      const args = [
        '--no-config',
        `--reporter=${REPOSITORY}test/reporter.cjs`,
        place.path('test/a.test.cjs'),
      ];
      const { code, stdout } = await place.start(args, {}, `${REPOSITORY}node_modules/mocha/bin/mocha.js`)
        .ended;
      assert.equal(code, 1);
      assert.match(stdout, /dist\/main\.js is missing: run `make test`/);
      assert.match(stdout, /servers for the tests are missing \(.*vsftpd.*\): run `make test`/);
      assert.match(stdout, /0 passed, 1 failed, 0 skipped\n$/);
    }));
});

describe('an argument that is missing', () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['show'], 'an argument is missing: filesync show <id>\nSee: filesync show --help'],
    [['files', '--sort'], '--sort needs a value\nSee: filesync --help'],
  ];
  for (const [args, said] of cases)
    it(`is named in plain words: ${args.join(' ')}`, () =>
      Place.with(async place => {
        const { code, stderr } = await place.run(args);
        assert.deepEqual([code, stderr.trim()], [2, `filesync: ${said}`]);
      }));
});
