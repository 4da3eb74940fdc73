import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { access, readFile } from 'node:fs/promises';
import { startFtpServer } from '../../src/demo/ftp-server.js';
import { startReceiver } from '../../src/demo/receiver.js';
import { startSim } from '../../src/sim/sim.js';
import { runChild } from '../../src/system/child.js';
import { systemClock } from '../../src/system/clock.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { metadata } from '../data/bag-metadata.js';
import { bag } from '../data/make-mcap.js';
import { filesBelow, put, records } from './parts.js';
import { Place } from './program.js';
import { FLIGHT } from './world.js';

const PASSWORD = 'secret-word';

interface Guide {
  /** The configuration, as the guide has it. */
  readonly config: string;
  /** The lines of its blocks of commands. */
  readonly commands: readonly string[];
}

async function read(name: string): Promise<Guide> {
  const text = await readFile(`docs/guides/${name}.md`, 'utf8');
  const blocks = (language: string) =>
    [...text.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(([, block = '']) => block);
  const commands = blocks('sh').flatMap(block => block.trim().split('\n'));
  return { config: blocks('yaml')[0] ?? '', commands };
}

/** Runs all commands of a guide, with what the replacements put in the place of its example's hosts; returns what each printed. */
async function follow(
  place: Place,
  { config, commands }: Guide,
  replacements: readonly (readonly [string, string])[],
): Promise<string[]> {
  let text = config;
  for (const [example, real] of replacements) {
    assert.ok(text.includes(example), `${example} is in the guide`);
    text = text.replace(example, real);
  }
  await place.configure(text.replace(/^rules:/m, 'min_free: 0\nrules:'));
  const outputs: string[] = [];
  for (const command of commands) {
    const [program, ...args] = command.split(' ');
    assert.equal(program, 'filesync');
    const { code, stdout, stderr } = await place.run(args, { ARCHIVE_PASSWORD: PASSWORD });
    assert.equal(code, 0, `${command}\n${stdout}${stderr}`);
    outputs.push(stdout);
  }
  return outputs;
}

async function vehicle(place: Place, name: string, system = 1, to?: { host: string; port: number }) {
  await put(place.path(name, 'fs/microsd/log/2026-08-01/12_30_05.ulg'), await readFile(FLIGHT));
  const sim = await startSim({
    ...{ listen: { host: '127.0.0.1', port: 0 }, folder: place.path(name), like: 'px4', system },
    ...{ clock: systemClock, logger: new RecordingLogger(), ...(to && { to }) },
  });
  return place.use(sim);
}

describe('the guides', function () {
  this.timeout(120_000);

  it('bring logs to Flight Review', () =>
    Place.with(async place => {
      const { port } = (await vehicle(place, 'card')).address;
      const page = place.use(await startReceiver({ folder: place.path('site') }));
      const outputs = await follow(place, await read('flight-review'), [
        ['serial:///dev/serial/by-id/usb-Pixhawk-if00:921600', `udp://127.0.0.1:0@127.0.0.1:${port}`],
        ['https://logs.px4.io', page.url],
        ['begin: new', 'begin: all, settle: 0'],
      ]);
      assert.equal(page.received.length, 1);
      assert.match(outputs.at(-2) ?? '', /UPLOADED +autopilot:.*12_30_05\.ulg.*plot_app\?log=/);
      assert.match(outputs.at(-1) ?? '', / 1 +486\.7 kB +COMPLETE +review: .*plot_app\?log=/);
    }));

  it('bring the pictures of a drive to an FTP server', () =>
    Place.with(async place => {
      await put(place.path('drive/DCIM/FLIR0001.jpg'), Buffer.from('a picture'));
      await put(place.path('drive/MISC/notes.txt'), Buffer.from('no picture'));
      const server = { folder: place.path('ftp'), user: 'test-1', password: PASSWORD, signals: process };
      const ftp = place.use(await startFtpServer(server));
      await follow(place, await read('camera-drive'), [
        [
          'type: disk, uuid: 66F8-E5D9, mount_point: /mnt/flir',
          `type: directory, path: ${place.path('drive')}`,
        ],
        ['host: 192.168.0.10', `host: 127.0.0.1, port: ${ftp.port}`],
        ['include:', 'settle: 0\n    delete_after: 0\n    include:'],
      ]);
      const [picture, ...others] = await records(place, place.path('filesync.yaml'));
      assert.deepEqual(others, []);
      assert.deepEqual(
        [picture?.path, picture?.state, picture?.on_source],
        ['DCIM/FLIR0001.jpg', 'REMOVED', false],
      );
    }));

  it('bring a bag to an archive', () =>
    Place.with(async place => {
      for (const name of ['run_0.mcap', 'run_1.mcap']) await put(place.path('bags/run', name), await bag());
      await put(place.path('bags/run/metadata.yaml'), metadata(['run_0.mcap', 'run_1.mcap']));
      await follow(place, await read('bags'), [['include:', 'settle: 0\n    delete_after: 0\n    include:']]);
      const names = ['metadata.yaml', 'run_0.mcap', 'run_1.mcap'].map(name => `robot/run/${name}`);
      assert.deepEqual(await filesBelow(place.path('archive')), names);
      assert.deepEqual(await filesBelow(place.path('bags')), []);
    }));

  it('tell several vehicles on one port apart', () =>
    Place.with(async place => {
      const port = await freePort();
      for (const [name, system] of [
        ['red', 1],
        ['blue', 2],
      ] as const)
        await vehicle(place, name, system, { host: '127.0.0.1', port });
      const { config, commands } = await read('several-vehicles');
      const guide = {
        config: config.replaceAll('udp://0.0.0.0:14540@', `udp://127.0.0.1:${port}@`),
        commands,
      };
      await follow(place, guide, [
        ['from: red,', 'from: red, settle: 0,'],
        ['from: blue,', 'from: blue, settle: 0,'],
      ]);
      const log = '2026-08-01/12_30_05.ulg';
      assert.deepEqual(await filesBelow(place.path('archive')), [`blue/${log}`, `red/${log}`]);
    }));
});

describe('the guide for ROS 2', () => {
  it('names arguments of the launch file and services that there are, in valid Python', async () => {
    const text = await readFile('docs/guides/launch.md', 'utf8');
    const launch = await readFile('launch/sync.launch.py', 'utf8');
    const programs = [...text.matchAll(/```python\n([^]*?)```/g)].map(([, program = '']) => program);
    assert.equal(programs.length, 3);
    for (const program of programs) {
      const checking = ['-c', 'import ast, sys; ast.parse(sys.argv[1])', program];
      const { code, stderr } = await runChild('python3', checking, {
        ...{ env: { PATH: process.env['PATH'] ?? '' }, ms: 30_000, remedy: 'install python3' },
      });
      assert.equal(code, 0, stderr);
    }
    const [, given = ''] = /arguments = \{(.*)\}/.exec(text) ?? [];
    const names = [...given.matchAll(/'(\w+)':/g)].map(([, name = '']) => name);
    assert.ok(names.length > 0);
    for (const name of names) assert.match(launch, new RegExp(`DeclareLaunchArgument\\(\\s*'${name}'`));
    const types = [...text.matchAll(/from filesync\.(\w+) import (.*)/g)];
    assert.equal(types.length, 3);
    for (const [, folder = '', list = ''] of types)
      for (const type of list.split(', ')) await access(`${folder}/${type}.${folder}`);
  });
});

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}
