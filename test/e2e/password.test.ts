import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { PASSWORD_HASH } from '../../src/config/web.js';
import { PasswordCheck } from '../../src/web/passwords.js';
import { hashToken } from '../../src/web/tokens.js';
import { Conversation } from './conversation.js';
import { MAIN, Place } from './program.js';

const SECRET = 'correct horse battery';

/** `filesync password` with that text on standard input. */
async function piped(place: Place, text: string, args: readonly string[] = []) {
  const program = place.start(['password', ...args], {}, MAIN, 'pipe');
  program.child.stdin?.end(text);
  return program.ended;
}

describe('filesync password', () => {
  it('reads a line, and prints a hash that the daemon takes', () =>
    Place.with(async place => {
      const { code, stdout, stderr } = await piped(place, `${SECRET}\n`);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.match(stdout.trim(), PASSWORD_HASH);
      assert.ok(await new PasswordCheck(stdout.trim()).matches(SECRET));
    }));

  it('asks twice at a terminal, and shows nothing of what is typed', () =>
    Place.with(async place => {
      const command = `'${process.execPath}' '${MAIN}' password > hash`;
      const child = spawn('script', ['-qefc', command, '/dev/null'], {
        cwd: place.folder,
        env: { PATH: process.env['PATH'], HOME: place.folder, SHELL: '/bin/sh', TERM: 'dumb' },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const terminal = new Conversation(child);
      await terminal.answer([
        ['Password (not shown): ', SECRET],
        ['The same again (not shown): ', SECRET],
      ]);
      assert.equal(await terminal.ended, 0);
      assert.ok(!terminal.seen.includes(SECRET), terminal.seen);
      const hash = (await readFile(place.path('hash'), 'utf8')).trim();
      assert.ok(await new PasswordCheck(hash).matches(SECRET));
    }));

  for (const [what, text] of [
    ['is short', 'short'],
    ['has two lines', 'twelve letters\nand more'],
    ['never ends', 'x'.repeat(100_000)],
  ] as const)
    it(`refuses one that ${what}`, () =>
      Place.with(async place => {
        const { code, stdout, stderr } = await piped(place, text);
        assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
        assert.match(stderr, /a password must be one line of 8 to 1024 characters/);
      }));

  it('makes a token, shown once, with the line for the configuration', () =>
    Place.with(async place => {
      const args = ['password', '--token', 'grafana', '--scopes', 'read,metrics'];
      const { code, stdout } = await place.run(args);
      assert.equal(code, 0);
      const [, token = ''] = /^token, shown only now: (\S+)$/m.exec(stdout) ?? [];
      const line = `- { name: grafana, hash: "${hashToken(token)}", scopes: [read, metrics] }`;
      assert.ok(stdout.includes(line), stdout);
      const web = `web:\n  tokens:\n    ${line}\n`;
      await place.configure(`devices: {}\nrules: []\n${web}`);
      const { stderr } = await place.run(['status', '-c', 'filesync.yaml']);
      assert.equal(stderr, '');
    }));

  it('refuses an unknown scope, and scopes of no token', () =>
    Place.with(async place => {
      const unknown = await place.run(['password', '--token', 'a', '--scopes', 'read,write']);
      assert.equal(unknown.code, 2);
      assert.match(unknown.stderr, /--scopes: "write" must be one of read, operate, metrics/);
      const none = await place.run(['password', '--scopes', 'read']);
      assert.equal(none.code, 2);
      assert.match(none.stderr, /name the token with --token NAME/);
    }));
});
