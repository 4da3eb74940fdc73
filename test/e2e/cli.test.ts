import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '../conformance/support.js';
import { jsonLines } from './parts.js';
import { Place } from './program.js';

const rule = { from: 'inbox', to: ['shelf'], settle: 0, path: '{file.path}' };
const devices = {
  inbox: { type: 'directory', path: './inbox' },
  shelf: { type: 'directory', path: './shelf' },
};
const simple = { devices, rules: [rule], interval: '200ms' };

/** A place with a folder as source, one as target, and a configuration that joins them. */
async function withFolders(
  test: (place: Place, config: string) => Promise<void>,
  config: object = simple,
): Promise<void> {
  await Place.with(async place => {
    await mkdir(place.path('inbox'));
    await test(place, await place.configure(config));
  });
}

interface Listed {
  readonly id: string;
  readonly path: string;
  readonly state: string;
}

async function filesOf(place: Place, ...args: string[]): Promise<Listed[]> {
  const { code, stdout, stderr } = await place.run(['files', '-c', 'filesync.yaml', '--json', ...args]);
  assert.equal(code, 0, stderr);
  return jsonLines(stdout) as Listed[];
}

describe('filesync, the command line', function () {
  this.timeout(60_000);

  it('knows its version in any folder, and prints the help of a command that was never run', async () => {
    await Place.with(async place => {
      await writeFile(place.path('package.json'), '{"version": "9.9.9"}');
      const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
      assert.equal((await place.run(['--version'])).stdout, `${version}\n`);
      const { code, stdout } = await place.run(['retry', '--help']);
      assert.equal(code, 0);
      assert.match(stdout, /retry \[id\.\.\][^]*--json/);
    });
  });

  it('explains itself', () =>
    Place.with(async place => {
      const help = await place.run(['--help']);
      assert.equal(help.code, 0);
      for (const name of ['run', 'sync', 'check', 'status', 'files', 'retry', 'forget', 'sim', 'demo']) {
        assert.match(help.stdout, new RegExp(`filesync ${name}\\b`));
        const { code, stdout } = await place.run([name, '--help']);
        assert.equal(code, 0);
        assert.match(stdout, /Options:/);
      }
    }));

  const bad: Record<string, { args?: string[]; config?: string | object; says: RegExp }> = {
    'an unknown command': { args: ['snyc'], says: /Did you mean sync/ },
    'an unknown option': { args: ['sync', '--fast'], says: /Unknown argument: fast/ },
    'no configuration at all': { args: ['sync'], says: /filesync\.yaml/ },
    'a configuration that is not there': { args: ['sync', '-c', 'none.yaml'], says: /none\.yaml/ },
    'a key that is not known': {
      config: { ...simple, intervall: '1s' },
      says: /intervall.*did you mean "interval"/,
    },
    'a device that a rule names and that is not configured': {
      config: { ...simple, rules: [{ ...rule, to: ['shelv'] }] },
      says: /shelv.*"shelf"/,
    },
    'a placeholder that is not known': {
      config: { ...simple, rules: [{ ...rule, description: '{file.nmae}' }] },
      says: /file\.nmae.*file\.name/,
    },
    'a value of the wrong type': { config: { ...simple, interval: 'soon' }, says: /interval/ },
    'YAML that is none': { config: 'devices: [', says: /filesync\.yaml:\d+:\d+/ },
    'a state that is none': {
      args: ['files', '-c', 'filesync.yaml', '--state', 'LOST'],
      config: simple,
      says: /LOST/,
    },
    'an option without its value': { args: ['sync', '-c'], config: simple, says: /-c needs a value/ },
    'retry of nothing': { args: ['retry', '-c', 'filesync.yaml'], config: simple, says: /--failed/ },
    'an address that is none': { args: ['sim', '.', '--listen', 'here'], says: /--listen here.*HOST:PORT/ },
    'a source that holds the local storage': {
      config: { ...simple, devices: { ...devices, inbox: { type: 'directory', path: '.' } } },
      says: /devices\.inbox\.path.*holds the local storage/,
    },
    'a folder that is not there': { args: ['sim', './nowhere', '--listen', '127.0.0.1:0'], says: /nowhere/ },
  };
  for (const [what, { args = ['sync', '-c', 'filesync.yaml'], config, says }] of Object.entries(bad)) {
    it(`refuses ${what} with 2 and the cure`, () =>
      Place.with(async place => {
        if (config !== undefined) await place.configure(config);
        const { code, stdout, stderr } = await place.run(args);
        assert.match(stderr, says);
        assert.equal(code, 2, stdout + stderr);
        assert.doesNotMatch(stderr, /\n\s+at /, 'no stack');
      }));
  }

  it('refuses a port that is taken', () =>
    withFolders(async place => {
      const holder = createSocket('udp4');
      await once(holder.bind(0, '127.0.0.1'), 'listening');
      place.use({ close: async () => holder.close() });
      const { port } = holder.address();
      const { code, stderr } = await place.run(['sim', 'inbox', '--listen', `127.0.0.1:${port}`]);
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`${port}`));
    }));

  for (const command of ['sync', 'run', 'check']) {
    it(`refuses a link whose port is taken (${command})`, () =>
      withFolders(async place => {
        const holder = createSocket('udp4');
        await once(holder.bind(0, '127.0.0.1'), 'listening');
        place.use({ close: async () => holder.close() });
        const { port } = holder.address();
        const inbox = { type: 'mavlink', url: `udp://127.0.0.1:${port}@` };
        const config = await place.configure({ ...simple, devices: { ...devices, inbox } });
        const { code, stdout, stderr } = await place.run([command, '-c', config]);
        assert.match(stdout + stderr, new RegExp(`UDP port ${port} .*taken.*another port`));
        assert.equal(code, 2);
      }));
  }

  it('refuses a second daemon on the same database', () =>
    withFolders(async (place, config) => {
      const daemon = place.start(['run', '-c', config]);
      await daemon.says(/working with/);
      const { code, stderr } = await place.run(['run', '-c', config]);
      assert.equal(code, 2);
      assert.match(stderr, /another filesync/i);
      const ended = await daemon.kill('SIGINT');
      assert.equal(ended.code, 130);
    }));

  it('delivers as a daemon what appears, until it is stopped', () =>
    withFolders(async (place, config) => {
      const daemon = place.start(['run', '-c', config]);
      await daemon.says(/working with/);
      await writeFile(place.path('inbox/a.txt'), 'hello');
      await eventually(
        async () => (await readFile(place.path('shelf/a.txt'), 'utf8').catch(() => '')) === 'hello',
      );
      await eventually(async () => (await filesOf(place)).every(({ state }) => state === 'UPLOADED'));
      const { stdout } = await place.run(['status', '-c', config]);
      assert.match(stdout, /daemon: running/);
      assert.match(stdout, /inbox +directory +available/);
      assert.match(stdout, /files: 1 UPLOADED/);
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
      assert.match((await place.run(['status', '-c', config])).stdout, /not running[^]*files: 1 UPLOADED/);
    }));

  it('goes on when its log has no reader any more', () =>
    withFolders(async (place, config) => {
      const daemon = place.start(['run', '-c', config]);
      await daemon.says(/working with/);
      daemon.child.stderr?.destroy();
      for (const name of ['a.txt', 'b.txt']) {
        await writeFile(place.path('inbox', name), 'hello');
        await eventually(async () =>
          (await filesOf(place)).some(({ path, state }) => path === name && state === 'UPLOADED'),
        );
      }
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    }));

  for (const running of [true, false]) {
    it(`lists, retries and forgets while ${running ? 'a' : 'no'} daemon runs`, () =>
      withFolders(async (place, config) => {
        const server = createServer((request, response) =>
          request.resume().on('end', () => response.writeHead(400).end('no')),
        );
        await once(server.listen(0, '127.0.0.1'), 'listening');
        place.use({ close: async () => server.close() });
        const { port } = server.address() as AddressInfo;
        const refusing = { ...devices, shelf: { type: 'http', url: `http://127.0.0.1:${port}/` } };
        await place.configure({ ...simple, devices: refusing });
        await writeFile(place.path('inbox/a.txt'), 'hello');
        await writeFile(place.path('inbox/b.txt'), 'world');
        assert.equal((await place.run(['sync', '-c', config])).code, 1);
        const daemon = running ? place.start(['run', '-c', config]) : undefined;
        await daemon?.says(/working with/);
        const [first, second] = await filesOf(place, '--state', 'failed', '--device', 'inbox');
        assert.ok(first && second);
        const retry = await place.run(['retry', '-c', config, first.id.slice(0, 6), 'nothing']);
        assert.equal(retry.code, 1);
        assert.match(retry.stdout, new RegExp(`${first.id} will be tried again`));
        assert.match(retry.stderr, /nothing: no such file/);
        // What is forgotten and still there would be found again.
        await rename(place.path('inbox', second.path), place.path(second.path));
        const forget = await place.run(['forget', '-c', config, second.id]);
        assert.equal(forget.code, 0, forget.stderr);
        assert.deepEqual(
          (await filesOf(place)).map(({ id }) => id),
          [first.id],
        );
      }));
  }

  it('checks the configuration and every device, with the cure where one fails', () =>
    withFolders(
      async (place, config) => {
        const { code, stdout } = await place.run(['check', '-c', config]);
        assert.equal(code, 1);
        assert.match(stdout, /ok +filesync|ok +.*filesync\.yaml/);
        assert.match(stdout, /^ok +inbox +directory/m);
        assert.match(stdout, /^FAIL +gone +directory .*gone/m);
        assert.match(stdout, /^FAIL +archive +ftp .*127\.0\.0\.1/m);
      },
      {
        ...simple,
        devices: {
          ...devices,
          gone: { type: 'directory', path: './gone/away' },
          archive: { type: 'ftp', host: '127.0.0.1', port: 1, user: 'u' },
        },
      },
    ));

  it('probes a target as a target: a folder that will be made is ok', () =>
    withFolders(async (place, config) => {
      const { code, stdout } = await place.run(['check', '-c', config]);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^ok +shelf +directory .*will be made/m);
    }));

  it('warns of a literal password and never shows it', () =>
    withFolders(
      async (place, config) => {
        const { stdout, stderr } = await place.run(['check', '-c', config]);
        assert.match(stderr, /warning: .*password/);
        assert.doesNotMatch(stdout + stderr, /hunter22/);
      },
      {
        ...simple,
        devices: {
          ...devices,
          a: { type: 'ftp', host: '127.0.0.1', port: 1, user: 'u', password: 'hunter22' },
        },
      },
    ));

  it('names a control character in the file of a secret by key and file, and never the secret', () =>
    withFolders(
      async (place, config) => {
        await writeFile(place.path('pw'), 'hunter22\tsesame\n\n');
        const { code, stdout, stderr } = await place.run(['check', '-c', config]);
        assert.equal(code, 2, stdout);
        assert.match(stdout, /devices\.a\.password: the secret's file \S+\/pw has a tab \(U\+0009\) inside/);
        assert.doesNotMatch(stdout + stderr, /hunter22|sesame/);
      },
      {
        ...simple,
        devices: {
          ...devices,
          a: { type: 'ftp', host: '127.0.0.1', port: 1, user: 'u', password: { file: 'pw' } },
        },
      },
    ));

  it('says what is wrong with a folder that is none', () =>
    Place.with(async place => {
      await writeFile(place.path('inbox'), 'a file');
      const { code, stdout } = await place.run(['check', '-c', await place.configure(simple)]);
      assert.equal(code, 1);
      assert.match(stdout, /^FAIL +inbox +directory /m);
    }));

  it('plays an autopilot that a signal arms', () =>
    withFolders(async place => {
      const listener = createSocket('udp4');
      await once(listener.bind(0, '127.0.0.1'), 'listening');
      place.use({ close: async () => listener.close() });
      const to = `127.0.0.1:${listener.address().port}`;
      const sim = place.start(['sim', 'inbox', '--listen', '127.0.0.1:0', '--to', to]);
      /** base_mode of the next MAVLink 2 heartbeat: its seventh payload byte. */
      const baseMode = async () => ((await once(listener, 'message')) as [Buffer])[0][10 + 6] ?? 0;
      assert.equal((await baseMode()) & 128, 0);
      sim.child.kill('SIGUSR1');
      await eventually(async () => ((await baseMode()) & 128) === 128);
      assert.equal((await sim.kill('SIGINT')).code, 130);
    }));

  it('shows the main job on embedded servers', () =>
    Place.with(async place => {
      const { code, stdout, stderr } = await place.run(['demo']);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /flight-appended\.ulg +486\.7 kB +[0-9a-f]{16}… +same +same +same/);
      assert.match(stdout, /2 of 2 flight logs are whole everywhere/);
      const flights = stdout.split('\n').slice(-4, -1);
      assert.match(flights[0] ?? '', /^WHEN +DURATION +VEHICLE +FILES +SIZE +STATE +DELIVERED TO, MISSING$/);
      for (const flight of flights.slice(1))
        assert.match(flight, / 1 +\d+\.\d kB +COMPLETE +archive; review: http:\S+\/plot_app\?log=\S+$/);
      assert.match(stderr, /PX4 1 on UDP port [1-9]\d* to 127\.0\.0\.1:/);
    }));
});
