import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { eventually } from '../conformance/support.js';
import { Place } from '../e2e/program.js';
import { requireRos, type Ros, type RosProgram } from './real.js';

const READY = /working with/;

/** A folder with a configuration that brings what lies in `inbox` to `out`. */
async function configured(place: Place): Promise<string> {
  await mkdir(place.path('inbox'));
  await mkdir(place.path('out'));
  return place.configure({
    local: './data',
    devices: {
      inbox: { type: 'directory', path: './inbox' },
      out: { type: 'directory', path: './out' },
    },
    rules: [{ from: 'inbox', to: ['out'], settle: 0 }],
    interval: '1h',
  });
}

/** Everything below a folder with its size and time of change. */
async function inventory(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const lines = names.map(async name => {
    const { size, mtimeMs } = await stat(join(folder, name));
    return `${name} ${size} ${mtimeMs}`;
  });
  return (await Promise.all(lines)).sort();
}

describe('Node in a real ROS 2 graph', function () {
  this.timeout(120_000);
  let ros: Ros;

  before(async function () {
    ros = await requireRos(this, 1);
  });

  after(() => ros?.close());

  /** A test with a node of its own, ended by Ctrl-C at the end. */
  async function withNode(
    start: (config: string) => RosProgram,
    test: (place: Place, node: RosProgram) => Promise<void>,
  ): Promise<void> {
    await Place.with(async place => {
      const node = start(await configured(place));
      try {
        await node.says(READY);
        await test(place, node);
      } finally {
        node.signal('SIGKILL');
      }
    });
  }

  const run = (config: string, ...more: readonly string[]) =>
    ros.start('ros2', ['run', 'filesync', 'filesync', '--ros-args', '-p', `config:=${config}`, ...more]);

  const launch = (config: string, ...more: readonly string[]) =>
    ros.start('ros2', ['launch', 'filesync', 'sync.launch.py', `config:=${config}`, ...more]);

  const call = (name: string, type: string, request: string) =>
    ros.ros2('service', 'call', `/filesync/${name}`, type, request);

  async function put(place: Place, name: string): Promise<void> {
    await writeFile(place.path('inbox', name), 'the bytes of a log');
    await call('rescan', 'std_srvs/srv/Trigger', '{}');
    await eventually(async () => existsSync(place.path('out/inbox', name)));
  }

  /** One file after the other: a listener needs a while to find the node. */
  async function putUntil(place: Place, heard: () => boolean): Promise<void> {
    for (let number = 0; !heard(); number++) await put(place, `${number}.ulg`);
  }

  it('shows its topics, services and parameters', () =>
    withNode(run, async () => {
      const info = await ros.ros2('node', 'info', '/filesync');
      for (const line of [
        '/diagnostics: diagnostic_msgs/msg/DiagnosticArray',
        '/filesync/devices: filesync/msg/DeviceStateArray',
        '/filesync/file_state: filesync/msg/FileState',
        '/filesync/files: filesync/msg/FileStateArray',
        '/filesync/progress: filesync/msg/Progress',
        '/parameter_events: rcl_interfaces/msg/ParameterEvent',
        '/rosout: rcl_interfaces/msg/Log',
        '/filesync/forget_file: filesync/srv/ForgetFile',
        '/filesync/get_file: filesync/srv/GetFile',
        '/filesync/list_files: filesync/srv/ListFiles',
        '/filesync/pause: std_srvs/srv/SetBool',
        '/filesync/rescan: std_srvs/srv/Trigger',
        '/filesync/retry: filesync/srv/Retry',
        '/filesync/set_file: filesync/srv/SetFile',
      ])
        assert.ok(info.includes(line), `${line} in\n${info}`);
      const parameters = await ros.ros2('param', 'list', '/filesync');
      for (const name of ['config', 'interval', 'while_armed']) assert.ok(parameters.includes(name), name);
    }));

  it('serves every service to the command line', () =>
    withNode(run, async place => {
      await put(place, 'a.ulg');
      const list = await call('list_files', 'filesync/srv/ListFiles', '{states: [2], limit: 10}');
      assert.match(list, /success=True.*path='a.ulg', size=18,.*total=1\)/);
      const [, id = ''] = /id='([0-9a-f]{12})'/.exec(list) ?? [];
      const edit = `{id: ${id}, set_description: true, description: 'first flight'}`;
      assert.match(await call('set_file', 'filesync/srv/SetFile', edit), /success=True/);
      const refused = `{id: ${id}, set_state: true, state: 2}`;
      assert.match(
        await call('set_file', 'filesync/srv/SetFile', refused),
        /success=False.*can be made UPLOADED/,
      );
      const got = await call('get_file', 'filesync/srv/GetFile', `{id: ${id.slice(0, 6)}}`);
      assert.match(got, /description='first flight'/);
      assert.match(await call('retry', 'filesync/srv/Retry', `{id: ${id}}`), /success=False.*it is UPLOADED/);
      assert.match(await call('pause', 'std_srvs/srv/SetBool', '{data: true}'), /paused/);
      assert.match(await call('forget_file', 'filesync/srv/ForgetFile', `{id: ${id}}`), /success=True/);
      assert.match(await call('get_file', 'filesync/srv/GetFile', `{id: ${id}}`), /success=False/);
    }));

  it('tells what happens on its topics', () =>
    withNode(run, async place => {
      await put(place, 'a.ulg');
      const latched = ['--once', '--qos-durability', 'transient_local', '--qos-reliability', 'reliable'];
      assert.match(await ros.ros2('topic', 'echo', ...latched, '/filesync/files'), /state: 2\n {2}count: 1/);
      assert.match(
        await ros.ros2('topic', 'echo', ...latched, '/filesync/devices'),
        /name: inbox\n {2}type: directory/,
      );
      const diagnostics = await ros.ros2('topic', 'echo', '--once', '/diagnostics');
      assert.match(diagnostics, /name: 'filesync: inbox'/);
      assert.match(diagnostics, /name: 'filesync: queue'/);
      const changes = ros.start('ros2', ['topic', 'echo', '/filesync/file_state']);
      const progress = ros.start('ros2', ['topic', 'echo', '/filesync/progress']);
      const told = (program: RosProgram, text: string) => program.output.includes(text);
      await putUntil(place, () => told(changes, 'state: 2') && told(progress, 'percent: 100.0'));
    }));

  it('takes parameters while it runs, or says why not', () =>
    withNode(run, async () => {
      assert.match(await ros.ros2('param', 'set', '/filesync', 'interval', '5'), /successful/);
      assert.match(await ros.ros2('param', 'get', '/filesync', 'interval'), /5\.0/);
      assert.match(
        await ros.ros2('param', 'set', '/filesync', 'while_armed', 'sometimes'),
        /must be upload-only, pause/,
      );
      assert.match(
        await ros.ros2('param', 'set', '/filesync', 'config', 'other'),
        /only be set when the node starts/,
      );
      assert.match(await ros.ros2('param', 'get', '/filesync', 'unheard_of'), /not set/);
      assert.match(await ros.ros2('param', 'describe', '/filesync', 'interval'), /seconds/);
    }));

  it('logs to /rosout', () =>
    withNode(run, async place => {
      const log = ros.start('ros2', ['topic', 'echo', '/rosout']);
      await putUntil(place, () => /level: 20\nname: filesync\nmsg: .*found, 18 bytes/.test(log.output));
    }));

  it('starts again from what `ros2 param dump` printed, in a namespace', () =>
    Place.with(async place => {
      const config = await configured(place);
      const into = ['-r', '__ns:=/drone1', '-r', '__node:=sync'];
      const first = run(config, '-p', 'interval:=7.5', '-p', 'while_armed:=pause', ...into);
      await first.says(READY);
      const dumped = await ros.ros2('param', 'dump', '/drone1/sync');
      first.signal('SIGINT');
      await first.ended;
      const file = await place.configure(dumped, 'params.yaml');
      const second = ros.start('ros2', [
        'run',
        'filesync',
        'filesync',
        '--ros-args',
        '--params-file',
        file,
        ...into,
      ]);
      await second.says(READY);
      assert.match(await ros.ros2('param', 'get', '/drone1/sync', 'interval'), /7\.5/);
      assert.match(await ros.ros2('param', 'get', '/drone1/sync', 'while_armed'), /pause/);
      second.signal('SIGINT');
      assert.equal((await second.ended).code, 0);
    }));

  it('launches in a namespace with a parameter file, and Ctrl-C leaves nothing behind', () =>
    Place.with(async place => {
      const config = await configured(place);
      const params = { '/**': { ros__parameters: { interval: 3.5 } } };
      const file = await place.configure(stringify(params), 'params.yaml');
      const launched = launch(config, 'namespace:=drone1', `params_file:=${file}`, 'log_level:=debug');
      await launched.says(READY);
      assert.match(await ros.ros2('param', 'get', '/drone1/filesync', 'interval'), /3\.5/);
      const answer = await ros.ros2('service', 'call', '/drone1/filesync/rescan', 'std_srvs/srv/Trigger');
      assert.match(answer, /success=True/);
      launched.signal('SIGINT');
      const { output } = await launched.ended;
      assert.match(output, /process has finished cleanly/);
      await eventually(async () => !launched.running);
    }));

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`ends with 0 on ${signal}`, () =>
      Place.with(async place => {
        const wrapper = join(ros.prefix, 'lib/filesync/filesync');
        const config = await configured(place);
        const node = ros.start(wrapper, ['--ros-args', '-p', `config:=${config}`]);
        await node.says(READY);
        node.signal(signal);
        const { code, output } = await node.ended;
        assert.equal(code, 0, output);
        assert.match(output, /stopping/);
      }));
  }

  it('says what is wrong with a configuration or an argument, and ends with 2', () =>
    Place.with(async place => {
      const wrapper = join(ros.prefix, 'lib/filesync/filesync');
      const start = (...args: readonly string[]) =>
        ros.start(wrapper, ['--ros-args', ...args], place.folder).ended;
      const missing = await start('-p', 'config:=missing.yaml');
      assert.deepEqual([missing.code, /missing.yaml/.test(missing.output)], [2, true], missing.output);
      const mistyped = await start('-p', 'interval:=often', '-p', `config:=${await configured(place)}`);
      assert.deepEqual(
        [mistyped.code, /interval must be a number/.test(mistyped.output)],
        [2, true],
        mistyped.output,
      );
    }));

  it('runs from another place, and writes nothing there', () =>
    Place.with(async place => {
      const prefix = place.path('opt');
      await cp(ros.prefix, prefix, { recursive: true, verbatimSymlinks: true });
      const before = await inventory(prefix);
      const config = await configured(place);
      const node = ros.start(join(prefix, 'lib/filesync/filesync'), [
        '--ros-args',
        '-p',
        `config:=${config}`,
      ]);
      await node.says(READY);
      node.signal('SIGINT');
      assert.equal((await node.ended).code, 0);
      assert.deepEqual(await inventory(prefix), before);
    }));
});

describe('filesync node without ROS', () => {
  it('says in one sentence what is missing', () =>
    Place.with(async place => {
      const { code, stderr } = await place.run(['node']);
      assert.equal(code, 2);
      assert.match(stderr, /^filesync: ROS 2 is not sourced: .*\n$/);
    }));
});
