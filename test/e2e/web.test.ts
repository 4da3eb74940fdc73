import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeCertificates } from '../servers/certificates.js';
import { eventually } from '../conformance/support.js';
import { ask, bearer, LOCKED, PASSWORD, WRITE } from '../unit/web/serving.js';
import { Place, type Program } from './program.js';

const LISTEN = '127.0.0.1:0';

/** A source and a target that are folders, with a page. */
const configOf = (web: object | undefined, more: object = {}) => ({
  devices: {
    inbox: { type: 'directory', path: './inbox' },
    archive: { type: 'directory', path: './archive' },
  },
  rules: [{ from: 'inbox', to: ['archive'], settle: '1s' }],
  interval: '1s',
  ...(web && { web }),
  ...more,
});

async function start(place: Place, web: object | undefined, more?: object): Promise<Program> {
  await mkdir(place.path('inbox'), { recursive: true });
  await mkdir(place.path('archive'), { recursive: true });
  await place.configure(configOf(web, more));
  return place.start(['run', '-c', 'filesync.yaml', '--log-level', 'debug']);
}

const ADDRESS = /web page: (https?):\/\/[\w.-]+:(\d+)\//g;

/** The port that the log names for the `number`th time. */
async function portOf(program: Program, number = 1): Promise<number> {
  const found = () => [...program.stderr.matchAll(ADDRESS)].at(number - 1)?.[2];
  await eventually(async () => found() !== undefined || program.child.exitCode !== null);
  assert.ok(found() !== undefined, program.stderr);
  return Number(found());
}

describe('filesync run with a page', () => {
  it('serves the page, the API and its events on the address that it logs, and check names', () =>
    Place.with(async place => {
      const program = await start(place, { listen: LISTEN });
      const port = await portOf(program);
      const page = await ask(port, '/');
      assert.equal(page.status, 200);
      assert.match(page.body, /<section class="verdict" data-code="(SAFE|WAIT|ATTENTION)"/);
      const [, script = ''] = /<script type="module" src="(\/main-[^"]+)"/.exec(page.body) ?? [];
      const main = await ask(port, script);
      assert.equal(main.headers['cache-control'], 'public, max-age=31536000, immutable');
      await writeFile(place.path('inbox', 'flight.ulg'), 'bytes');
      await eventually(async () => {
        const { body } = await ask(port, '/api/v1/files');
        const { files } = JSON.parse(body) as { files: { path: string; state: string }[] };
        return files.some(({ path, state }) => path === 'flight.ulg' && state === 'UPLOADED');
      });
      const checked = await place.run(['check', '-c', 'filesync.yaml']);
      assert.match(checked.stdout, /^ok {4}web page: http:\/\/127\.0\.0\.1:0\/$/m);
      const { stdout } = await place.run(['check', '-c', 'filesync.yaml', '--json']);
      const shown = (JSON.parse(stdout) as { type: string; message: string }[]).at(-1);
      assert.deepEqual([shown?.type, shown?.message], ['web page', 'http://127.0.0.1:0/']);
      const { code } = await program.kill('SIGTERM');
      assert.equal(code, 143);
    }));

  it('listens nowhere without the key, until a reload brings it, and no longer than that', () =>
    Place.with(async place => {
      const program = await start(place, undefined);
      await program.says('working with');
      await place.configure(configOf({ listen: LISTEN }));
      program.child.kill('SIGHUP');
      const port = await portOf(program);
      assert.equal((await ask(port, '/healthz')).status, 200);
      await place.configure(configOf({ listen: LISTEN, ...LOCKED }));
      program.child.kill('SIGHUP');
      await eventually(async () => (await ask(port, '/api/v1/status')).status === 401);
      await place.configure(configOf(undefined));
      program.child.kill('SIGHUP');
      await eventually(() =>
        ask(port, '/healthz').then(
          () => false,
          () => true,
        ),
      );
      assert.ok(!program.stderr.includes('ERROR'), program.stderr);
    }));

  it('brings files while its port is taken, says so, and takes the port when it is free', () =>
    Place.with(async place => {
      const other = createServer().listen(0, '127.0.0.1');
      await eventually(async () => other.listening);
      const { port } = other.address() as AddressInfo;
      const program = await start(place, { listen: `127.0.0.1:${port}` });
      await program.says(`no web page: port ${port} of 127.0.0.1 is taken`);
      await writeFile(place.path('inbox', 'flight.ulg'), 'bytes');
      await eventually(async () => {
        const { stdout } = await place.run(['files', '-c', 'filesync.yaml']);
        return stdout.includes('UPLOADED');
      });
      const taken = await place.run(['status', '-c', 'filesync.yaml']);
      assert.match(
        taken.stdout,
        new RegExp(`^web page: +port ${port} of 127\\.0\\.0\\.1 is taken: end the `, 'm'),
      );
      await new Promise(resolve => other.close(resolve));
      await portOf(program);
      assert.equal((await ask(port, '/healthz')).status, 200);
      const free = await place.run(['status', '-c', 'filesync.yaml']);
      assert.doesNotMatch(free.stdout, /web page/);
    }));

  it('speaks TLS, with a Secure cookie, and takes a renewed certificate on a reload', () =>
    Place.with(async place => {
      const [first, second] = [
        await makeCertificates(place.path('first')),
        await makeCertificates(place.path('second')),
      ];
      const use = async ({ certificate, key }: typeof first) => {
        await writeFile(place.path('cert.pem'), await readFile(certificate));
        await writeFile(place.path('key.pem'), await readFile(key));
      };
      await use(first);
      const tls = { cert: 'cert.pem', key: 'key.pem' };
      const program = await start(place, { listen: LISTEN, ...LOCKED, tls });
      const port = await portOf(program);
      assert.match(program.stderr, /web page: https:/);
      const [ca, renewed] = [await readFile(first.ca), await readFile(second.ca)];
      const body = JSON.stringify({ password: PASSWORD });
      const { headers } = await ask(port, '/api/v1/session', { method: 'POST', headers: WRITE, body, ca });
      assert.match(headers['set-cookie']?.[0] ?? '', /; HttpOnly; SameSite=Strict; Secure$/);
      await use(second);
      program.child.kill('SIGHUP');
      await eventually(() =>
        ask(port, '/healthz', { ca: renewed }).then(
          ({ status }) => status === 200,
          () => false,
        ),
      );
      // The session is still open.
      const cookie = headers['set-cookie']?.[0]?.split(';')[0];
      const status = await ask(port, '/api/v1/status', { headers: { cookie }, ca: renewed });
      assert.equal(status.status, 200);
      await writeFile(place.path('key.pem'), await readFile(first.key));
      program.child.kill('SIGHUP');
      await program.says(/the configuration was not reloaded, .* web\.tls: these cannot be used/);
      assert.equal((await ask(port, '/healthz', { ca: renewed })).status, 200);
    }));

  for (const [what, web, expected] of [
    [
      'a key file that is missing',
      { tls: { cert: 'c.pem', key: 'k.pem' } },
      /web\.tls\.(cert|key): .*\.pem does not exist: name the file/,
    ],
    [
      'a password file that is missing',
      { password: { file: 'none' } },
      /the secret's file .*none does not exist/,
    ],
    [
      'a plain password in its file',
      { password: { file: 'plain' } },
      /web\.password: this is not the hash .*`filesync password`/,
    ],
    [
      'the network without a password',
      { listen: '0.0.0.0:0' },
      /web\.listen: everybody in the network .*`filesync password`/,
    ],
  ] as const)
    it(`refuses ${what}: exit code 2, by run and by check`, () =>
      Place.with(async place => {
        await writeFile(place.path('plain'), 'hunter2 hunter2\n');
        const program = await start(place, { listen: LISTEN, ...web });
        const ended = await program.ended;
        const checked = await place.run(['check', '-c', 'filesync.yaml']);
        for (const { code, stderr } of [ended, checked]) {
          assert.equal(code, 2, stderr);
          assert.match(stderr, expected);
          assert.doesNotMatch(stderr, /hunter2/);
        }
      }));

  it('starts as a service while a secret is not there yet, and serves the page when it is', () =>
    Place.with(async place => {
      await mkdir(place.path('inbox'), { recursive: true });
      await mkdir(place.path('archive'), { recursive: true });
      await place.configure(configOf({ listen: LISTEN, ...LOCKED, password: { file: 'later' } }));
      const env = { NOTIFY_SOCKET: place.path('notify') };
      const program = place.start(['run', '-c', 'filesync.yaml'], env);
      await program.says(/no web page: the secret's file .*later does not exist/);
      await writeFile(place.path('later'), `${LOCKED.password}\n`);
      const port = await portOf(program);
      assert.equal((await ask(port, '/api/v1/status', { headers: bearer('read') })).status, 200);
    }));
});
