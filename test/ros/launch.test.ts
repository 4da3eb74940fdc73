import assert from 'node:assert/strict';
import { cp, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { eventually } from '../conformance/support.js';
import { Place } from '../e2e/program.js';
import { requireRos, type Ros, type RosProgram } from './real.js';
import { configured, READY, User } from './user.js';

/** Everything below a folder with its size and time of change. */
async function inventory(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const lines = names.map(async name => {
    const { size, mtimeMs } = await stat(join(folder, name));
    return `${name} ${size} ${mtimeMs}`;
  });
  return (await Promise.all(lines)).sort();
}

/** The node in a launch file of one's own, with all that can be said of a node there. */
const ownLaunchFile = (config: string) => `
from launch import LaunchDescription
from launch_ros.actions import Node

def generate_launch_description():
    return LaunchDescription([Node(
        package='filesync', executable='filesync', name='sync', namespace='drone1', output='screen',
        parameters=[{'config': '${config}', 'interval': 7.5, 'while_armed': 'pause'}],
        remappings=[('~/file_state', '/fleet/file_state'), ('~/rescan', '/fleet/rescan')],
    )])
`;

/** Ours, included in a larger one. */
const includingLaunchFile = (config: string, share: string) => `
from launch import LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import PushRosNamespace, SetRemap

def generate_launch_description():
    return LaunchDescription([GroupAction([
        PushRosNamespace('fleet'),
        SetRemap('~/files', '/all/files'),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource('${share}/launch/sync.launch.py'),
            launch_arguments={'config': '${config}', 'namespace': 'drone1', 'log_level': 'debug'}.items(),
        ),
    ])])
`;

describe('Start and stop of the node in a real ROS 2 graph', function () {
  this.timeout(300_000);
  let ros: Ros;
  let user: User;

  before(async function () {
    ros = await requireRos(this, 2);
    user = new User(ros);
  });

  afterEach(() => ros?.endAll());
  after(() => ros?.close());

  const rescan = (service: string) => ros.ros2('service', 'call', service, 'std_srvs/srv/Trigger');

  async function endsCleanly(launched: RosProgram): Promise<void> {
    const { code, output } = await launched.ended;
    assert.match(output, /process has finished cleanly/);
    assert.doesNotMatch(output, /SIGTERM'|SIGKILL'/, 'it had to be asked more than once');
    assert.equal(code, 0, output);
    await eventually(async () => !launched.running);
  }

  it('ros2 launch: namespace, params_file and log_level have effect', () =>
    Place.with(async place => {
      const params = { '/**': { ros__parameters: { interval: 3.5 } } };
      const file = await place.configure(stringify(params), 'params.yaml');
      const args = ['namespace:=drone1', `params_file:=${file}`, 'log_level:=debug'];
      const launched = user.launch(await configured(place), ...args);
      await launched.says(READY);
      await ros.look([/3\.5/], 'param', 'get', '/drone1/filesync', 'interval');
      assert.match(await rescan('/drone1/filesync/rescan'), /success=True/);
      await launched.says(/\[DEBUG].*\[drone1\.filesync]/);
      launched.signal('SIGINT');
      await endsCleanly(launched);
    }));

  it('ros2 launch: says little with log_level:=warn', () =>
    Place.with(async place => {
      const launched = user.launch(await configured(place), 'log_level:=warn');
      assert.match(await rescan('/filesync/rescan'), /success=True/);
      launched.signal('SIGINT');
      await endsCleanly(launched);
      assert.doesNotMatch(launched.output, /\[filesync]: /);
    }));

  it('ros2 launch: a dict of parameters and remaps for a node with another name in a namespace', () =>
    Place.with(async place => {
      const file = await place.configure(ownLaunchFile(await configured(place)), 'own.launch.py');
      const launched = ros.start('ros2', ['launch', file]);
      await launched.says(READY);
      assert.match(await rescan('/fleet/rescan'), /success=True/);
      await ros.look([/7\.5/], 'param', 'get', '/drone1/sync', 'interval');
      await ros.look([/pause/], 'param', 'get', '/drone1/sync', 'while_armed');
      await ros.look(['/fleet/file_state', '/drone1/sync/files'], 'topic', 'list');
      launched.signal('SIGINT');
      await endsCleanly(launched);
    }));

  it('ros2 launch: included in another launch file, in its namespace and with its remaps', () =>
    Place.with(async place => {
      const share = join(ros.prefix, 'share/filesync');
      const text = includingLaunchFile(await configured(place), share);
      const launched = ros.start('ros2', ['launch', await place.configure(text, 'fleet.launch.py')]);
      await launched.says(READY);
      assert.match(await rescan('/fleet/drone1/filesync/rescan'), /success=True/);
      await ros.look(['/all/files', '/fleet/drone1/filesync/devices'], 'topic', 'list');
      await launched.says(/\[DEBUG].*\[fleet\.drone1\.filesync]/);
      launched.signal('SIGINT');
      await endsCleanly(launched);
    }));

  it('ros2 launch: SIGINT to it alone ends all, and leaves nothing behind', () =>
    Place.with(async place => {
      const launched = user.launch(await configured(place));
      await launched.says(READY);
      launched.signalAlone('SIGINT');
      await endsCleanly(launched);
    }));

  for (const signal of ['SIGTERM', 'SIGKILL'] as const)
    it(`ros2 launch: ${signal} to it alone, which it does not forward, leaves nothing behind`, () =>
      Place.with(async place => {
        const launched = user.launch(await configured(place));
        await launched.says(READY);
        launched.signalAlone(signal);
        await launched.ended;
        await eventually(async () => !launched.running);
      }));

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`ends with 0 on ${signal}`, () =>
      Place.with(async place => {
        const node = user.runAlone(await configured(place));
        await node.says(READY);
        node.signalAlone(signal);
        const { code, output } = await node.ended;
        assert.equal(code, 0, output);
        assert.match(output, /stopping/);
      }));

  it('ros2 run: starts again from what `ros2 param dump` printed, in a namespace', () =>
    Place.with(async place => {
      const config = await configured(place);
      const into = ['-r', '__ns:=/drone1', '-r', '__node:=sync'];
      const first = user.run(config, '-p', 'interval:=7.5', '-p', 'while_armed:=pause', ...into);
      await first.says(READY);
      const dumped = await ros.look([/7\.5/, /pause/], 'param', 'dump', '/drone1/sync');
      first.signal('SIGINT');
      await first.ended;
      const file = await place.configure(dumped, 'params.yaml');
      const args = ['run', 'filesync', 'filesync', '--ros-args', '--params-file', file, ...into];
      const second = ros.start('ros2', args);
      await second.says(READY);
      await ros.look([/7\.5/], 'param', 'get', '/drone1/sync', 'interval');
      await ros.look([/pause/], 'param', 'get', '/drone1/sync', 'while_armed');
      second.signal('SIGINT');
      assert.equal((await second.ended).code, 0);
    }));

  it('says what is wrong with a configuration or an argument, and ends with 2', () =>
    Place.with(async place => {
      const ended = async (config: string, ...args: readonly string[]) => {
        const { code, output } = await user.runAlone(config, ...args).ended;
        assert.equal(code, 2, output);
        return output;
      };
      assert.match(await ended(place.path('missing.yaml')), /missing\.yaml/);
      assert.match(
        await ended(await configured(place), '-p', 'interval:=often'),
        /interval must be a number/,
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
