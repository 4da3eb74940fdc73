import assert from 'node:assert/strict';
import { chmod, cp, mkdir, readFile, symlink, writeFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Place } from '../e2e/program.js';
import { requireRos, type Ended, type Ros, type RosProgram } from './real.js';

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const PREPARE = root('cmake/prepare-rclnodejs.js');

describe('ROS package', function () {
  this.timeout(300_000);
  let ros: Ros;

  before(async function () {
    ros = await requireRos(this, 41);
  });

  after(() => ros?.close());

  it('offers its program, its launch file and its examples', async () => {
    assert.match(await ros.ros2('pkg', 'executables', 'filesync'), /^filesync filesync$/m);
    assert.match(await ros.ros2('run', 'filesync', 'filesync', '--help'), /the ROS 2 node; takes --ros-args/);
    const share = join(ros.prefix, 'share/filesync');
    assert.deepEqual((await readdir(join(share, 'config'))).sort(), ['filesync.yaml', 'params.yaml']);
    assert.ok((await readdir(join(share, 'launch'))).includes('sync.launch.py'));
  });

  it('shows its interfaces with units', async () => {
    assert.match(await ros.ros2('interface', 'show', 'filesync/msg/FileState'), /uint64 size +# bytes/);
    assert.match(
      await ros.ros2('interface', 'show', 'filesync/msg/Progress'),
      /bytes_per_second +# bytes per second/,
    );
    assert.match(
      await ros.ros2('interface', 'show', 'filesync/srv/ListFiles'),
      /uint32 limit +# files at most/,
    );
  });

  describe('from a read-only place', () => {
    it('works for a user who may write nothing there and has no home', () =>
      fromReadOnly(async (place, start) => {
        const node = start(`ROS_LOG_DIR=${place.path('data/log')}`);
        await node.says('flight.ulg -> out: delivered to');
        node.signal('SIGINT');
        const { code, output } = await node.ended;
        assert.equal(code, 0, output);
      }));

    it('reports what to set where no log may be written', () =>
      fromReadOnly(async (_place, start) => {
        const { code, output } = await start().ended;
        assert.equal(code, 2, output);
        assert.match(output, /^filesync: ROS refuses to start: .*ROS_LOG_DIR/m);
      }));
  });

  type Start = (...env: readonly string[]) => RosProgram;

  /** Hands over how to start the node, as another user where that can be chosen, from a read-only copy. */
  async function fromReadOnly(test: (place: Place, start: Start) => Promise<void>): Promise<void> {
    await Place.with(async place => {
      const prefix = place.path('opt');
      await cp(ros.prefix, prefix, { recursive: true, verbatimSymlinks: true });
      const config = await publicConfiguration(place);
      const permit = (change: string) => ros.start('chmod', ['-R', change, prefix]).ended;
      await permit('a-w');
      place.use({ close: () => permit('u+w') });
      const source = ['-c', 'source "$0/share/filesync/local_setup.bash"; exec "$@"', prefix];
      const user = process.getuid?.() === 0 ? NOBODY : [];
      const node = [join(prefix, 'lib/filesync/filesync'), '--ros-args', '-p', `config:=${config}`];
      const home = ['env', '-u', 'ROS_LOG_DIR', 'HOME=/nonexistent'];
      await test(place, (...env) => ros.start('bash', [...source, ...user, ...home, ...env, ...node], '/'));
    });
  }

  /** What a user needs who owns nothing but a folder for data. */
  async function publicConfiguration(place: Place): Promise<string> {
    await chmod(place.folder, 0o755);
    for (const folder of ['inbox', 'out', 'data']) {
      await mkdir(place.path(folder));
      await chmod(place.path(folder), 0o777);
    }
    await writeFile(place.path('inbox/flight.ulg'), 'the bytes of a log');
    const devices = {
      inbox: { type: 'directory', path: './inbox' },
      out: { type: 'directory', path: './out' },
    };
    const rules = [{ from: 'inbox', to: ['out'], settle: 0 }];
    return place.configure({ local: './data', devices, rules });
  }

  describe('preparation of the client library', () => {
    it('does nothing where nothing has changed', () =>
      prepared(async (module, own, prepare) => {
        const made = join(module, 'generated/filesync/filesync__msg__Progress.js');
        const before = await stat(made);
        assert.deepEqual(await prepare(own), { code: 0, output: '' });
        assert.equal((await stat(made)).ino, before.ino);
      }));

    it('generates messages again when a .msg has changed', () =>
      prepared(async (module, own, prepare) => {
        const definition = join(own, 'msg/Progress.msg');
        const text = await readFile(definition, 'utf8');
        await writeFile(definition, `${text}\nuint8 tries  # so far\n`);
        const { code, output } = await prepare(own);
        assert.equal(code, 0, output);
        const made = join(module, 'generated/filesync/filesync__msg__Progress.js');
        assert.match(await readFile(made, 'utf8'), /tries/);
      }));

    it('reports what is missing', () =>
      prepared(async (_module, own, prepare) => {
        const none = await prepare(own, ['AMENT_PREFIX_PATH=']);
        assert.deepEqual([none.code, /ROS package \w+ is missing/.test(none.output)], [1, true], none.output);
        const without = await prepare(own, ['ROS_DISTRO=']);
        assert.deepEqual(
          [without.code, /ROS is not sourced/.test(without.output)],
          [1, true],
          without.output,
        );
      }));
  });

  type Prepare = (own: string, env?: readonly string[]) => Promise<Ended>;

  /** A copy of the installed library next to links to its packages, and one of our definitions. */
  async function prepared(
    test: (module: string, own: string, prepare: Prepare) => Promise<void>,
  ): Promise<void> {
    await Place.with(async place => {
      const installed = join(ros.prefix, 'share/filesync/node_modules');
      const [modules, own] = [place.path('node_modules'), place.path('own')];
      await mkdir(modules);
      const others = (await readdir(installed)).filter(name => name !== 'rclnodejs');
      await Promise.all(others.map(name => symlink(join(installed, name), join(modules, name))));
      await cp(join(installed, 'rclnodejs'), join(modules, 'rclnodejs'), { recursive: true });
      for (const kind of ['msg', 'srv']) await cp(root(kind), join(own, kind), { recursive: true });
      await test(join(modules, 'rclnodejs'), own, (from, env = []) => {
        const args = [...env, process.execPath, PREPARE, modules, place.path('work'), from];
        return ros.start('env', args).ended;
      });
    });
  }
});

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
