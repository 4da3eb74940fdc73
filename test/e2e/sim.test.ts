import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { FrameDecoder } from '../../src/mavlink/frame.js';
import { Heartbeat } from '../../src/mavlink/messages.js';
import { eventually, sample } from '../conformance/support.js';
import { startVehicle, sync, type VehicleProcess } from './parts.js';
import { Place } from './program.js';

const LOG = Buffer.from(sample(60_000, 5));

async function put(place: Place, path: string, bytes: Uint8Array = LOG): Promise<void> {
  await mkdir(dirname(place.path(path)), { recursive: true });
  await writeFile(place.path(path), bytes);
}

/** The device `autopilot` of the configuration in the README. */
async function readmeDevice(): Promise<Record<string, unknown>> {
  const [, yaml = ''] = /```yaml\n([^]*?)```/.exec(await readFile('README.md', 'utf8')) ?? [];
  return (parse(yaml) as { devices: { autopilot: Record<string, unknown> } }).devices.autopilot;
}

/** Delivers what the vehicle has below the root to the folder `shelf-NAME`. */
async function deliver(
  place: Place,
  device: Record<string, unknown>,
  { name = 'one', env = {} }: { name?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const devices = { autopilot: device, shelf: { type: 'directory', path: `./shelf-${name}` } };
  const rules = [{ from: 'autopilot', to: ['shelf'], settle: 0, path: '{file.path}' }];
  const config = { local: `./data-${name}`, database: `./data-${name}/filesync.json`, devices, rules };
  return sync(place, await place.configure(config, `${name}.yaml`), { env });
}

const withVehicle =
  (...options: string[]) =>
  (test: (place: Place, vehicle: VehicleProcess) => Promise<void>) =>
    Place.with(async place => test(place, await startVehicle(place, ...options)));

describe('filesync sim DIR', function () {
  this.timeout(60_000);

  it('shows a folder of logs where the configuration of the README expects them', () =>
    withVehicle()(async (place, vehicle) => {
      await put(place, 'card/2026-11-29/12_00_00.ulg');
      await deliver(place, { ...(await readmeDevice()), url: vehicle.url });
      assert.deepEqual(await readFile(place.path('shelf-one/2026-11-29/12_00_00.ulg')), LOG);
    }));

  const layouts: { like: string; file: string; root: string; says: RegExp }[] = [
    { like: 'px4', file: 'card/a.ulg', root: '/fs/microsd/log', says: /^\/fs\/microsd\/log is \S+card$/m },
    { like: 'px4', file: 'card/log/a.ulg', root: '/fs/microsd/log', says: /^\/fs\/microsd is \S+card$/m },
    { like: 'px4', file: 'card/fs/microsd/log/a.ulg', root: '/fs/microsd/log', says: /^\/ is \S+card$/m },
    { like: 'px4', file: 'card/log/a.ulg', root: '/log', says: /\/fs\/microsd\/log is its folder of logs/ },
    { like: 'ardupilot', file: 'card/a.bin', root: '/APM/LOGS', says: /^\/APM\/LOGS is \S+card$/m },
    { like: 'ardupilot', file: 'card/LOGS/a.bin', root: '/APM/LOGS', says: /^\/APM is \S+card$/m },
    { like: 'ardupilot', file: 'card/APM/LOGS/a.bin', root: '/APM/LOGS', says: /^\/ is \S+card$/m },
  ];
  for (const { like, file, root, says } of layouts) {
    it(`shows ${file} in ${root}, like ${like}`, () =>
      Place.with(async place => {
        await put(place, file);
        const vehicle = await startVehicle(place, '--like', like);
        await vehicle.program.says(says);
        await deliver(place, { type: 'mavlink', url: vehicle.url, root });
        assert.deepEqual(await readFile(place.path('shelf-one', file.replace(/.*\//, ''))), LOG);
      }));
  }

  for (const args of [[], ['card', '--replay', 'trace.jsonl']]) {
    it(`asks for either a folder or a trace (${args.length} arguments)`, () =>
      Place.with(async place => {
        const { code, stderr } = await place.run(['sim', ...args]);
        assert.match(stderr, /name either a folder or --replay FILE/);
        assert.equal(code, 2);
      }));
  }
});

describe('filesync sim --replay FILE', function () {
  this.timeout(120_000);

  /** Starts the vehicle of the trace; returns where it is. */
  const startReplay = async (place: Place, trace: string): Promise<string> => {
    const program = place.start(['sim', '--replay', trace, '--listen', '127.0.0.1:0', '--to', '127.0.0.1:9']);
    await program.says(/nothing else\n/);
    const port = /udp:\/\/127\.0\.0\.1:(\d+)/.exec(program.stdout)?.[1];
    return `udp://127.0.0.1:0@127.0.0.1:${port}`;
  };

  for (const options of [[], ['--like', 'ardupilot', '--loss', '0.02', '--seed', '4']]) {
    it(`is the vehicle that a trace shows, file for file (sim ${options.join(' ')})`, () =>
      withVehicle(...options)(async (place, vehicle) => {
        const files = { 'first.ulg': LOG, 'second.ulg': Buffer.from(sample(20_000, 6)) };
        for (const [name, bytes] of Object.entries(files)) await put(place, `card/${name}`, bytes);
        const device = { type: 'mavlink', url: vehicle.url, root: '/' };
        await deliver(place, device, { env: { FILESYNC_TRACE: `mavlink:${place.path('trace.jsonl')}` } });
        await vehicle.program.kill('SIGTERM');
        await deliver(place, { ...device, url: await startReplay(place, 'trace.jsonl') }, { name: 'again' });
        for (const [name, bytes] of Object.entries(files))
          assert.deepEqual(await readFile(place.path('shelf-again', name)), bytes, name);
      }));
  }

  it('sends the heartbeats of the recorded vehicle, which a signal arms', () =>
    Place.with(async place => {
      const listener = createSocket('udp4');
      await once(listener.bind(0, '127.0.0.1'), 'listening');
      place.use({ close: async () => listener.close() });
      const to = `127.0.0.1:${listener.address().port}`;
      const trace = fileURLToPath(new URL('../data/px4-ftp.jsonl', import.meta.url));
      const program = place.start(['sim', '--replay', trace, '--listen', '127.0.0.1:0', '--to', to]);
      const next = async () => {
        const [bytes] = (await once(listener, 'message')) as [Buffer];
        const [frame] = new FrameDecoder().push(bytes);
        assert.equal(frame?.messageId, Heartbeat.id);
        return Heartbeat.decode(frame.payload);
      };
      const { autopilot, customMode, baseMode } = await next();
      assert.deepEqual(
        { autopilot, customMode, baseMode },
        { autopilot: 12, customMode: 0x03040000, baseMode: 0x1d },
      );
      program.child.kill('SIGUSR1');
      await eventually(async () => ((await next()).baseMode & 128) === 128);
    }));

  const wrong: Record<string, { text: string; says: RegExp }> = {
    'a file that is no trace': {
      text: 'hello\n',
      says: /trace\.jsonl is no MAVLink trace: name a file that FILESYNC_TRACE/,
    },
    'a trace of no vehicle': {
      text: '{"t_ms": 1, "from": "client", "frame": "fd090000bc010100000000000403020c1d0003739e"}\n',
      says: /holds no heartbeat of an autopilot: record a longer trace/,
    },
    'a file that is not there': { text: '', says: /trace/ },
  };
  for (const [what, { text, says }] of Object.entries(wrong)) {
    it(`refuses ${what}`, () =>
      Place.with(async place => {
        if (text) await writeFile(place.path('trace.jsonl'), text);
        const { code, stderr } = await place.run([
          'sim',
          '--replay',
          'trace.jsonl',
          '--listen',
          '127.0.0.1:0',
        ]);
        assert.match(stderr, says);
        assert.equal(code, 2);
      }));
  }
});
