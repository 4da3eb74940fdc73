import assert from 'node:assert/strict';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { eventually } from '../conformance/support.js';
import { Place } from '../e2e/program.js';
import { startStandIn } from './real-mavros.js';
import { requireRos, type Ros, type RosProgram } from './real.js';
import { arrived, configured, CONTENT, putWhole, READY, User, withNode } from './user.js';

const LIST = 'filesync/srv/ListFiles';
const SET = 'filesync/srv/SetFile';

describe('Node in a real ROS 2 graph, by the ros2 command line', function () {
  this.timeout(300_000);
  let ros: Ros;
  let user: User;

  before(async function () {
    ros = await requireRos(this, 1);
    user = new User(ros);
  });

  afterEach(() => ros?.endAll());
  after(() => ros?.close());

  const run = (config: string) => user.run(config);

  /** The identity of a file that is listed, by its path. */
  async function idOf(path: string): Promise<string> {
    const [, id = ''] =
      new RegExp(`id='([0-9a-f]{12})'[^)]*path='${path}'`).exec(await user.call('list_files', LIST, '{}')) ??
      [];
    return id;
  }

  it('ros2 topic list, node info, param list: shows all that it has', () =>
    withNode(run, async () => {
      await ros.look(
        [
          '/diagnostics \\[diagnostic_msgs/msg/DiagnosticArray]',
          '/filesync/devices \\[filesync/msg/DeviceStateArray]',
          '/filesync/file_state \\[filesync/msg/FileState]',
          '/filesync/files \\[filesync/msg/FileStateArray]',
          '/filesync/progress \\[filesync/msg/Progress]',
        ],
        'topic',
        'list',
        '-t',
      );
      await ros.look(
        [
          '/diagnostics: diagnostic_msgs/msg/DiagnosticArray',
          '/filesync/devices: filesync/msg/DeviceStateArray',
          '/filesync/file_state: filesync/msg/FileState',
          '/filesync/files: filesync/msg/FileStateArray',
          '/filesync/progress: filesync/msg/Progress',
          '/parameter_events: rcl_interfaces/msg/ParameterEvent',
          '/rosout: rcl_interfaces/msg/Log',
          '/filesync/cancel: filesync/srv/Cancel',
          '/filesync/fetch_file: filesync/srv/FetchFile',
          '/filesync/first: filesync/srv/First',
          '/filesync/flights: filesync/srv/Flights',
          '/filesync/forget_file: filesync/srv/ForgetFile',
          '/filesync/get_file: filesync/srv/GetFile',
          '/filesync/list_files: filesync/srv/ListFiles',
          '/filesync/pause: std_srvs/srv/SetBool',
          '/filesync/rescan: std_srvs/srv/Trigger',
          '/filesync/retry: filesync/srv/Retry',
          '/filesync/set_file: filesync/srv/SetFile',
        ],
        'node',
        'info',
        '/filesync',
      );
      await ros.look(['config', 'interval', 'while_armed'], 'param', 'list', '/filesync');
    }));

  it('ros2 service call: list_files a page at a time, of some states, of one device', () =>
    withNode(run, async place => {
      for (const name of ['a.ulg', 'b.ulg', 'c.ulg']) await putWhole(place, name);
      assert.match(await user.rescan(), /success=True/);
      for (const name of ['a.ulg', 'b.ulg', 'c.ulg']) await arrived(place, name);
      await eventually(async () =>
        (await user.call('list_files', LIST, '{states: [2]}')).includes('total=3'),
      );
      const names = async (request: string) => {
        const answer = await user.call('list_files', LIST, request);
        return [answer.match(/path='\w+\.ulg'/g)?.length ?? 0, /total=(\d+)/.exec(answer)?.[1]];
      };
      assert.deepEqual(await names('{limit: 2}'), [2, '3']);
      assert.deepEqual(await names('{limit: 2, offset: 2}'), [1, '3']);
      assert.deepEqual(await names('{offset: 3}'), [0, '3']);
      assert.deepEqual(await names('{states: [0, 12]}'), [0, '0']);
      assert.deepEqual(await names('{device: inbox, states: [2]}'), [3, '3']);
      assert.deepEqual(await names('{device: nowhere}'), [0, '0']);
      assert.match(await user.call('list_files', LIST, '{states: [9]}'), /success=False.*no state 9/);
    }));

  it('ros2 service call: flights', () =>
    withNode(run, async place => {
      await user.put(place, 'a.ulg');
      const ask = (fields: string) => user.call('flights', 'filesync/srv/Flights', `{${fields}}`);
      await eventually(async () => /Flight\(.* state=0,/.test(await ask('limit: 1')));
      const answer = await ask('vehicle: inbox, since: {sec: 1, nanosec: 0}');
      assert.match(answer, /success=True.*total=1/);
      assert.match(answer, /devices=\['inbox'\].*files=1,.*FlightTarget\(target='\w+', done=1, files=1/);
      assert.match(await ask('vehicle: nowhere'), /success=True.*flights=\[\], total=0/);
    }));

  it('ros2 service call: get_file, set_file, forget_file, and refusals that say why', () =>
    withNode(run, async place => {
      await user.put(place, 'a.ulg');
      await eventually(async () =>
        (await user.call('list_files', LIST, '{states: [2]}')).includes('total=1'),
      );
      const id = await idOf('a.ulg');
      const set = (fields: string) => user.call('set_file', SET, `{id: ${id}, ${fields}}`);
      assert.match(await set("set_description: true, description: 'first flight'"), /success=True/);
      assert.match(await set('set_state: true, state: 2'), /success=False.*can be made UPLOADED/);
      assert.match(await set('set_targets: true, targets: [nowhere]'), /success=False.*nowhere/);
      assert.match(await set('state: 12'), /success=False.*nothing to set/);
      const get = (prefix: string) => user.call('get_file', 'filesync/srv/GetFile', `{id: '${prefix}'}`);
      assert.match(await get(id.slice(0, 6)), /success=True.*state=2.*description='first flight'/);
      const forget = () => user.call('forget_file', 'filesync/srv/ForgetFile', `{id: ${id}}`);
      assert.match(
        await user.call('retry', 'filesync/srv/Retry', `{id: ${id}}`),
        /success=False.*it is UPLOADED/,
      );
      assert.match(await forget(), /success=True/);
      assert.match(await forget(), /success=False, message='.+'/);
      assert.match(await get(id), /success=False, message='.+'/);
    }));

  it('ros2 service call: set_file gives up a file, retry brings it back', () =>
    Place.with(async place => {
      const inbox = { type: 'directory', path: './inbox' };
      const out = { type: 'ftp', host: '127.0.0.1', port: 1, user: 'nobody' };
      const node = run(await configured(place, { devices: { inbox, out } }));
      await node.says(READY);
      await putWhole(place, 'a.ulg');
      await user.rescan();
      const downloaded = async () =>
        (await user.call('list_files', LIST, '{states: [1]}')).includes('total=1');
      await eventually(downloaded);
      const id = await idOf('a.ulg');
      const give = await user.call('set_file', SET, `{id: ${id}, set_state: true, state: 12}`);
      assert.match(give, /success=True.*state=12/);
      await ros.look([/1 FAILED; the service list_files/], 'topic', 'echo', '--once', '/diagnostics');
      const retry = await user.call('retry', 'filesync/srv/Retry', '{}');
      assert.match(retry, new RegExp(`success=True.*ids=\\['${id}']`));
      await eventually(downloaded);
      await ros.endAll();
    }));

  it('ros2 service call: fetch_file brings what the rules only list, first moves it to the front', () =>
    Place.with(async place => {
      const devices = {
        inbox: { type: 'directory', path: './inbox', connections: 1 },
        out: { type: 'directory', path: './out' },
      };
      const rules = [{ from: 'inbox', to: ['out'], settle: 0, fetch: 'asked', order: 'newest' }];
      const config = await configured(place, { devices, rules });
      for (const [index, name] of ['old.ulg', 'new.ulg'].entries()) {
        await putWhole(place, name);
        await utimes(place.path('inbox', name), index, index);
      }
      const node = run(config);
      await node.says(READY);
      const skipped = async () => user.call('list_files', LIST, '{states: [14]}');
      await eventually(async () => (await skipped()).includes('total=2'));
      assert.match(await skipped(), /reason='fetch: asked/);
      const [old, recent] = [await idOf('old.ulg'), await idOf('new.ulg')];
      const fetch = (id: string) => user.call('fetch_file', 'filesync/srv/FetchFile', `{id: '${id}'}`);
      const pause = (on: boolean) => user.call('pause', 'std_srvs/srv/SetBool', `{data: ${on}}`);
      await pause(true);
      for (const id of [old, recent]) assert.match(await fetch(id), /success=True/);
      assert.match(await fetch(old), /success=False, message='.*it is FOUND; only SKIPPED/);
      const first = (ids: string) => user.call('first', 'filesync/srv/First', `{ids: ${ids}}`);
      assert.match(await first(`['${old}']`), /success=True/);
      assert.match(await first(`['zz']`), /success=False, message='zz: no such file/);
      await pause(false);
      for (const name of ['old.ulg', 'new.ulg']) await arrived(place, name);
      assert.match(node.output, /old\.ulg: downloaded[^]*new\.ulg: downloaded/);
      await ros.endAll();
    }));

  it('ros2 service call: pause keeps everything from beginning until it is resumed', () =>
    withNode(run, async place => {
      const pause = (on: boolean) => user.call('pause', 'std_srvs/srv/SetBool', `{data: ${on}}`);
      assert.match(await pause(true), /success=True, message='paused'/);
      await putWhole(place, 'a.ulg');
      assert.match(await user.rescan(), /success=True, message='paused: .+'/);
      assert.match(await user.call('list_files', LIST, '{}'), /total=0/);
      assert.match(await pause(false), /success=True, message='resumed'/);
      await arrived(place, 'a.ulg');
    }));

  it('ros2 topic echo: prints what happens', () =>
    withNode(run, async place => {
      await user.put(place, 'a.ulg');
      await eventually(async () =>
        (await user.latched('/filesync/files', 'filesync/msg/FileStateArray')).includes(
          '- state: 2\n  count: 1',
        ),
      );
      assert.match(
        await user.latched('/filesync/devices', 'filesync/msg/DeviceStateArray'),
        /name: inbox\n {2}type: directory\n {2}available: true/,
      );
      await ros.look(
        [/name: 'filesync: inbox'/, /name: 'filesync: out'/, /name: 'filesync: queue'/],
        'topic',
        'echo',
        '--once',
        '/diagnostics',
      );
      const changes = user.echo('/filesync/file_state', 'filesync/msg/FileState');
      const progress = user.echo('/filesync/progress', 'filesync/msg/Progress');
      const printed = (program: RosProgram, text: string) => program.output.includes(text);
      await user.putUntil(place, () => printed(changes, 'state: 2') && printed(progress, 'percent: 100.0'));
    }));

  it('ros2 topic echo /rosout: hears its log', () =>
    withNode(run, async place => {
      const log = user.echo('/rosout', 'rcl_interfaces/msg/Log');
      await user.putUntil(place, () => /level: 20\nname: filesync\nmsg: .*found, 18 bytes/.test(log.output));
    }));

  it('ros2 param get, set, describe: accepts a value while it runs, or returns the reason', () =>
    withNode(run, async () => {
      const set = (name: string, value: string, ...words: RegExp[]) =>
        ros.look(words, 'param', 'set', '/filesync', name, value);
      const get = (name: string, ...words: RegExp[]) => ros.look(words, 'param', 'get', '/filesync', name);
      await set('interval', '5', /successful/);
      await get('interval', /5\.0/);
      await set('interval', '0.01', /at least 0.05 s/);
      await get('interval', /5\.0/);
      await set('while_armed', 'sometimes', /must be upload-only, pause/);
      await set('config', 'other', /only be set when the node starts/);
      await get('unheard_of', /not set/);
      await ros.look([/seconds/], 'param', 'describe', '/filesync', 'interval');
    }));

  it('ros2 param set interval: has effect at once', () =>
    withNode(run, async place => {
      await user.put(place, 'a.ulg');
      await putWhole(place, 'b.ulg');
      await ros.look([/successful/], 'param', 'set', '/filesync', 'interval', '0.5');
      await arrived(place, 'b.ulg');
    }));

  it('ros2 param set while_armed: has effect at once', () =>
    Place.with(async place => {
      await mkdir(place.path('card/log'), { recursive: true });
      const vehicle = await startStandIn(ros, place.path('card'));
      const node = run(
        await configured(place, {
          devices: {
            inbox: { type: 'mavros', root: '/log', transport: 'services' },
            out: { type: 'directory', path: './out' },
          },
        }),
      );
      await node.says(READY);
      vehicle.signalAlone('SIGUSR1');
      await eventually(async () =>
        /name: inbox[^-]*armed: true/.test(
          await user.latched('/filesync/devices', 'filesync/msg/DeviceStateArray'),
        ),
      );
      await writeFile(place.path('card/log/a.ulg'), CONTENT);
      await user.rescan();
      assert.match(await user.call('list_files', LIST, '{}'), /total=0/);
      await ros.look([/successful/], 'param', 'set', '/filesync', 'while_armed', 'continue');
      await user.rescan();
      await arrived(place, 'a.ulg');
      await ros.endAll();
    }));
});

describe('filesync node without ROS', () => {
  it('reports in one sentence what is missing', () =>
    Place.with(async place => {
      const { code, stderr } = await place.run(['node']);
      assert.equal(code, 2);
      assert.match(stderr, /^filesync: ROS 2 is not sourced: .*\n$/);
    }));
});
