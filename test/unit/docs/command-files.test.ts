import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { commandFiles } from '../../../scripts/command-files.js';
import { commandLine } from '../../../scripts/command-line.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const has = (program: string) => !spawnSync(program, ['--version']).error;
const MAN = at('packaging/man/filesync.1');

describe('man page and completions', () => {
  it('are those of the commands as they are now (npm run docs)', async () => {
    for (const [path, text] of Object.entries(await commandFiles()))
      assert.equal(await readFile(at(path), 'utf8'), text, path);
  });

  it('name every command, and the man page every option', async () => {
    const texts = Object.entries(await commandFiles());
    const page = (await readFile(MAN, 'utf8')).replaceAll('\\-', '-');
    for (const { name, options } of await commandLine()) {
      for (const [path, text] of texts) assert.match(text, new RegExp(`\\b${name}\\b`), path);
      for (const option of options) assert.ok(page.includes(`--${option.name}`), `${name} --${option.name}`);
    }
  });
});

describe('filesync(1)', () => {
  it('is formatted without a warning, and shows its text as it is', async function () {
    if (!has('groff')) return this.skip();
    const { stdout, stderr } = await promisify(execFile)('groff', ['-ww', '-man', '-Tutf8', '-P-cbou', MAN]);
    assert.equal(stderr, '');
    assert.match(stdout, /^SYNOPSIS\n +filesync COMMAND \[OPTIONS\]/m);
    assert.match(stdout, /~\/\.config\/filesync\/filesync\.yaml/);
    assert.match(stdout, /--log-level debug\|info\|warn\|error/);
  });
});

describe('completion in bash', () => {
  let folder: string;
  let remove: () => Promise<void>;

  before(async () => {
    ({ path: folder, remove } = await temporaryFolder());
    await mkdir(join(folder, 'a folder'));
    await writeFile(join(folder, 'my config.yaml'), '');
  });
  after(() => remove());

  /** What bash would offer behind these words, of which the last one is being typed; words are split as bash does. */
  const offered = async (...words: readonly string[]): Promise<string[]> => {
    const script = [
      `source "$1"; shift`,
      `complete -p filesync | grep -q -- '-F _filesync' || exit 3`,
      `COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _filesync`,
      `((\${#COMPREPLY[@]} == 0)) || printf '%s\\n' "\${COMPREPLY[@]}"`,
    ].join('\n');
    const file = at('packaging/completions/filesync.bash');
    const args = ['--norc', '-eu', '-c', script, 'bash', file, ...words];
    const { stdout, stderr } = await promisify(execFile)('bash', args, { cwd: folder });
    assert.equal(stderr, '');
    return stdout.split('\n').filter(Boolean).sort();
  };

  const rows: { words: string[]; offers: string[] }[] = [
    { words: ['filesync', 'st'], offers: ['status'] },
    { words: ['filesync', 'he'], offers: ['help'] },
    { words: ['filesync', '--v'], offers: ['--version'] },
    { words: ['filesync', 'help', 'ad'], offers: ['adopt'] },
    { words: ['filesync', 'sync', '--j'], offers: ['--json'] },
    { words: ['filesync', 'retry', '--f'], offers: ['--failed'] },
    { words: ['filesync', 'sync', '--log-level', 'd'], offers: ['debug'] },
    { words: ['filesync', 'sync', '--log-level', '=', 'w'], offers: ['warn'] },
    { words: ['filesync', 'sync', '--log-format', '='], offers: ['json', 'text'] },
    { words: ['filesync', 'sim', '--like', ''], offers: ['ardupilot', 'px4'] },
    { words: ['filesync', 'sim', '--loss', ''], offers: [] },
    { words: ['filesync', 'sim', 'a'], offers: ['a folder'] },
    { words: ['filesync', 'run', '-c', 'my'], offers: ['my config.yaml'] },
    { words: ['filesync', 'status', ''], offers: [] },
  ];
  for (const { words, offers } of rows)
    it(`offers ${offers.join(' and ') || 'nothing'} behind \`${words.join(' ')}\``, async () => {
      assert.deepEqual(await offered(...words), offers);
    });

  it('offers every command and every option of each', async () => {
    const commands = await commandLine();
    assert.deepEqual(await offered('filesync', ''), [...commands.map(({ name }) => name), 'help'].sort());
    for (const { name, options } of commands) {
      const long = (await offered('filesync', name, '--')).sort();
      assert.deepEqual(long, options.map(option => `--${option.name}`).sort());
    }
  });
});

for (const [shell, path] of [
  ['zsh', 'packaging/completions/_filesync'],
  ['fish', 'packaging/completions/filesync.fish'],
] as const)
  describe(`completion in ${shell}`, () => {
    it('is good syntax', async function () {
      if (!has(shell)) return this.skip();
      await promisify(execFile)(shell, ['-n', at(path)]);
    });
  });
