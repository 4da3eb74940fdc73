import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { loadConfig } from '../../src/config/load.js';
import { deviceTypes } from '../../src/devices/registry.js';
import { sample } from '../conformance/support.js';
import { sync } from './parts.js';
import { makeBucket } from '../servers/s3-bench.js';
import { startSwift } from '../servers/s3-servers.js';
import { Place } from './program.js';
import { Conversation } from './conversation.js';

const LOG = Buffer.from(sample(20_000, 7));

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0);
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>(resolve => socket.close(resolve));
  return port;
}

/** A simulated vehicle with so many logs, which sends its heartbeats to the port that is returned. */
async function withVehicle(place: Place, logs: number, ...options: string[]): Promise<number> {
  await mkdir(place.path('logs'));
  for (let number = 0; number < logs; number++) await writeFile(place.path('logs', `${number}.ulg`), LOG);
  const port = await freePort();
  const sim = place.start([
    'sim',
    'logs',
    '--listen',
    '127.0.0.1:0',
    '--to',
    `127.0.0.1:${port}`,
    ...options,
  ]);
  await sim.says(/ is logs\n/);
  return port;
}

const initAt = (place: Place, args: readonly string[], env: Record<string, string> = {}): Conversation =>
  place.use(Conversation.start(['init', ...args], { cwd: place.folder, env }));

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
const load = (file: string) => loadConfig(file, { env: {}, deviceTypes });
/** Nothing listens there. */
const NO_PROXY_THERE = { HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' };

describe('filesync init at a terminal', function () {
  this.timeout(120_000);
  let place: Place;

  beforeEach(async () => void (place = await Place.make()));
  afterEach(() => place.close());

  it('writes a configuration by which the next pass delivers', async () => {
    const port = await withVehicle(place, 1);
    const terminal = initAt(place, ['--udp', `${port}`, '--output', 'new.yaml']);
    await terminal.answer([
      [`1) PX4, system 1, heard on UDP port ${port}`, '1'],
      ['Another source?', ''],
      ['5) a folder', '5'],
      ['Folder that the files go to', './shelf'],
      ['List the files on the vehicle now?', 'y'],
      ['Deliver the files that are there already', ''],
    ]);
    assert.equal(await terminal.ended, 0, terminal.seen);
    assert.match(terminal.seen, /ok: the folder \S+shelf will be made/);
    assert.match(terminal.seen, /filesync check -c \S+new\.yaml[^]*sync --dry-run[^]*filesync run/);
    assert.equal(await modeOf(place.path('new.yaml')), 0o640);
    assert.deepEqual(
      (await load(place.path('new.yaml'))).rules.map(({ begin }) => begin),
      [{ kind: 'all' }],
    );
    const text = await readFile(place.path('new.yaml'), 'utf8');
    await writeFile(place.path('new.yaml'), `min_free: 0\n${text.replace('{ from', '{ settle: 0, from')}`);
    await sync(place, 'new.yaml');
    const [shelf = ''] = await readdir(place.path('shelf'), { recursive: true }).then(names =>
      names.filter(name => name.endsWith('0.ulg')),
    );
    assert.deepEqual(await readFile(place.path('shelf', shelf)), LOG);
  });

  it('keeps the password out of sight and out of the configuration', async () => {
    const terminal = initAt(place, ['--udp', `${await freePort()}`, '--output', 'sub/new.yaml']);
    await terminal.sees('Where do the files come from?');
    await terminal.sees('an autopilot that is not on yet');
    const [, later = ''] = /(\d+)\) an autopilot that is not on yet/.exec(terminal.seen) ?? [];
    await terminal.answer([
      ['Number', later],
      ['2) ArduPilot', '2'],
      ['Another source?', 'n'],
      ['1) an FTP server', '1'],
      ['Name or address', '127.0.0.1'],
      ['Port', '1'],
      ['User', 'drone'],
      ['Password', 'hunter22 "#'],
      ['Encrypted', 'n'],
      ['Folder on the server', ''],
      ['FAIL: ', ''],
    ]);
    await terminal.answer([
      ['1) an FTP server', '1'],
      ['Name or address', '127.0.0.1'],
      ['Port', '1'],
      ['User', 'drone'],
      ['Password', 'hunter22 "#'],
      ['Encrypted', ''],
      ['Folder on the server', '/logs'],
      ['Use it anyway?', 'y'],
      ['List the files on the vehicle now?', ''],
      ['Deliver the files', 'n'],
    ]);
    assert.equal(await terminal.ended, 0, terminal.seen);
    assert.doesNotMatch(terminal.seen, /hunter22/);
    const text = await readFile(place.path('sub/new.yaml'), 'utf8');
    assert.doesNotMatch(text, /hunter22/);
    assert.match(text, /begin: new \}/);
    const config = await load(place.path('sub/new.yaml'));
    assert.deepEqual(config.warnings, []);
    const { password } = config.devices.get('archive')?.options as { password: { file: string } };
    assert.equal(await readFile(place.path('sub', password.file), 'utf8'), 'hunter22 "#\n');
    assert.equal(await modeOf(place.path('sub', password.file)), 0o600);
    assert.deepEqual((await readdir(place.path('sub'))).sort(), [password.file, 'new.yaml'].sort());
  });

  it('says what becomes public, and leaves old logs where they are', async () => {
    const port = await withVehicle(place, 1);
    const terminal = initAt(place, ['--udp', `${port}`, '--output', 'new.yaml'], NO_PROXY_THERE);
    await terminal.answer([
      ['1) PX4', '1'],
      ['Another source?', ''],
      ['1) PX4 Flight Review', '1'],
      ['Address of the page', ''],
      ['is public: anybody can open', ''],
      ['1) PX4 Flight Review', '1'],
      ['Address of the page', ''],
      ['Upload to a public page?', 'y'],
      ['E-mail', ''],
      ['Use it anyway?', 'y'],
      ['List the files', 'n'],
      ['Old logs would become public', ''],
    ]);
    assert.equal(await terminal.ended, 0, terminal.seen);
    assert.deepEqual(
      (await load(place.path('new.yaml'))).rules.map(({ begin }) => begin),
      [{ kind: 'new' }],
    );
  });

  it('leaves old logs where they are if there are many', async () => {
    const port = await withVehicle(place, 21, '--like', 'ardupilot');
    const terminal = initAt(place, ['--udp', `${port}`, '--output', 'new.yaml']);
    await terminal.answer([
      ['1) ArduPilot', ''],
      ['Another source?', ''],
      ['4) a folder', '4'],
      ['Folder that the files go to', './shelf'],
      ['List the files', 'y'],
      ['More than 20 files are there already', ''],
    ]);
    assert.equal(await terminal.ended, 0, terminal.seen);
    const { rules, devices } = await load(place.path('new.yaml'));
    assert.deepEqual(
      rules.map(({ begin }) => begin),
      [{ kind: 'new' }],
    );
    assert.equal((devices.get('autopilot')?.options as { root: string }).root, '/APM/LOGS');
  });

  it('configures a bucket with a folder for each vehicle', async () => {
    const server = await startSwift();
    place.use({ close: () => server.stop() });
    const bucket = await makeBucket(server);
    bucket.client.destroy();
    const port = await withVehicle(place, 1);
    const terminal = initAt(place, ['--udp', `${port}`, '--output', 'new.yaml']);
    await terminal.answer([
      ['1) PX4', '1'],
      ['Another source?', ''],
      ['8) a bucket', '8'],
      ['Address of the store', server.url],
      ['Name of the bucket', bucket.name],
      ['Access key', server.accessKey],
      ['Secret key', server.secretKey],
      ['List the files', 'n'],
      ['Deliver the files', ''],
    ]);
    assert.equal(await terminal.ended, 0, terminal.seen);
    assert.match(terminal.seen, /ok: .*bucket bucket-\S+ is there/);
    const { devices, warnings } = await load(place.path('new.yaml'));
    assert.deepEqual(warnings, []);
    assert.equal((devices.get('store')?.options as { prefix: string }).prefix, '{vehicle}/');
    assert.doesNotMatch(await readFile(place.path('new.yaml'), 'utf8'), new RegExp(server.secretKey));
  });

  it('never overwrites', async () => {
    await writeFile(place.path('new.yaml'), 'mine');
    const terminal = initAt(place, ['--output', 'new.yaml']);
    assert.equal(await terminal.ended, 2);
    assert.match(terminal.seen, /new\.yaml exists and is never overwritten: .*--output/);
    assert.equal(await readFile(place.path('new.yaml'), 'utf8'), 'mine');
  });

  for (const [key, typed, code] of [
    ['Ctrl-C', '\x03', 130],
    ['Ctrl-D', '\x04', 1],
  ] as const) {
    it(`ends by ${key} with ${code}, and writes nothing`, async () => {
      const terminal = initAt(place, ['--udp', `${await freePort()}`, '--output', 'new.yaml']);
      await terminal.sees('Number');
      terminal.type(typed);
      assert.equal(await terminal.ended, code, terminal.seen);
      assert.deepEqual(await readdir(place.folder), []);
    });
  }
});

describe('filesync init without a terminal', function () {
  this.timeout(60_000);

  it('prints an example for the vehicle that it hears, and writes nothing', () =>
    Place.with(async place => {
      const port = await withVehicle(place, 0);
      const { code, stdout, stderr } = await place.run(['init', '--udp', `${port}`]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`# PX4, system 1, heard on UDP port ${port}`));
      assert.match(stderr, /nothing was written/);
      assert.deepEqual(await readdir(place.folder), ['logs']);
      await writeFile(place.path('example.yaml'), stdout);
      const config = await load(place.path('example.yaml'));
      assert.deepEqual(config.warnings, []);
      assert.equal(config.rules.find(({ from }) => from === 'autopilot')?.begin.kind, 'new');
    }));

  it('refuses a port that is none', () =>
    Place.with(async place => {
      const { code, stderr } = await place.run(['init', '--udp', '70000']);
      assert.match(stderr, /--udp: ports are numbers from 1 to 65535/);
      assert.equal(code, 2);
    }));
});
