import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startSim, type Sim } from '../../src/sim/sim.js';
import { systemClock } from '../../src/system/clock.js';
import { sample } from '../conformance/support.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { OldFirmware } from '../fakes/old-firmware.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import type { Both } from './mavros-both.js';
import type { Report } from './mavros-child.js';
import { freePort, requireMavros, startMavros } from './real-mavros.js';
import { requireRos, type Ros, type RosProgram } from './real.js';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const MOCHA = path('../../node_modules/mocha/bin/mocha.js');

const LOG = sample(1_500_000, 9);
const SMALL = sample(300, 10);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const WHOLE = { 'a/flight.ulg': sha256(LOG), 'b.ulg': sha256(SMALL) };

/** A process of ours with a `mavros` device. */
const fetching = (ros: Ros, transport: string): RosProgram =>
  ros.start(process.execPath, [
    '--import=tsx',
    path('mavros-child.ts'),
    JSON.stringify({ transport, root: '/log' }),
  ]);

async function report(program: RosProgram): Promise<Report> {
  const { output } = await program.ended;
  const line = output.split('\n').find(text => text.startsWith('{"files"'));
  assert.ok(line !== undefined, output);
  return JSON.parse(line) as Report;
}

describe('mavros source on rclnodejs, with the stand-in', () => {
  let ros: Ros;

  before(async function () {
    ros = await requireRos(this, 30);
  });

  after(() => ros?.close());

  it('passes the suite of a source', async function () {
    this.timeout(600_000);
    const suite = path('mavros-on-ros.suite.ts');
    const args = ['--timeout=120000', '--exit', '--reporter=dot', suite];
    const { code, output } = await ros.start(process.execPath, [MOCHA, ...args]).ended;
    assert.equal(code, 0, output);
    assert.match(output, /[3-9]\d passing/);
  });
});

describe('mavros source on the real MAVROS', () => {
  let ros: Ros;
  let mavros: RosProgram;
  const ends: (() => Promise<unknown>)[] = [];

  before(async function () {
    ros = await requireRos(this, 31);
    requireMavros(this, ros);
  });

  afterEach(async () => {
    mavros.signal('SIGKILL');
    await mavros.ended;
    for (let end = ends.pop(); end; end = ends.pop()) await end();
  });

  after(() => ros?.close());

  /** A vehicle with two logs, and where it sends its heartbeats to. */
  async function vehicle(station: number, like: 'px4' | 'ardupilot' = 'px4'): Promise<Sim> {
    const home = await temporaryFolder();
    ends.push(() => home.remove());
    await mkdir(join(home.path, 'log', 'a'), { recursive: true });
    await writeFile(join(home.path, 'log', 'a', 'flight.ulg'), LOG);
    await writeFile(join(home.path, 'log', 'b.ulg'), SMALL);
    const at = (port: number) => ({ host: '127.0.0.1', port });
    const logger = new RecordingLogger();
    const sim = await startSim({
      folder: home.path,
      listen: at(0),
      to: at(station),
      like,
      clock: systemClock,
      logger,
    });
    ends.push(() => sim.close());
    return sim;
  }

  async function withVehicle(): Promise<Sim> {
    const station = await freePort();
    const sim = await vehicle(station);
    mavros = startMavros(ros, { station, vehicle: sim.address.port });
    return sim;
  }

  /** One that answers the way in which released versions of MAVROS ask. */
  async function withOldVehicle(like?: 'px4' | 'ardupilot'): Promise<[Sim, () => unknown]> {
    const station = await freePort();
    const sim = await vehicle(await freePort(), like);
    const old = await OldFirmware.start(sim.address.port, station);
    ends.push(() => old.close());
    const start = () => (mavros = startMavros(ros, { station, vehicle: old.port }));
    start();
    return [sim, start];
  }

  function lives(): void {
    assert.ok(mavros.running, mavros.output);
    assert.doesNotMatch(mavros.output, /terminate called|Busy/);
  }

  it('reports the remedy where its services cannot read', async function () {
    this.timeout(180_000);
    await withVehicle();
    const { files, error } = await report(fetching(ros, 'services'));
    if (error)
      assert.match(`${error.kind} ${error.message}`, /unsupported .*newer MAVROS.*transport: endpoint/);
    else assert.deepEqual(files, WHOLE);
    lives();
  });

  for (const transport of ['auto', 'endpoint'])
    it(`fetches whole files, transport ${transport}`, async function () {
      this.timeout(180_000);
      await withVehicle();
      const { files, error, log } = await report(fetching(ros, transport));
      assert.deepEqual({ files, error }, { files: WHOLE, error: undefined }, log.join('\n'));
      if (transport === 'auto') assert.match(log.join('\n'), /goes through an endpoint.*router offers/);
      lives();
    });

  it('never has more than one endpoint, however often we are killed', async function () {
    this.timeout(300_000);
    const sim = await withVehicle();
    for (let kill = 0; kill < 3; kill++) {
      const program = fetching(ros, 'endpoint');
      await program.says('begun');
      program.signal('SIGKILL');
      await program.ended;
    }
    const release = sim.hold('/log/a/flight.ulg', 700_000);
    const program = fetching(ros, 'endpoint');
    await program.says('begun');
    const topic = '/filesync/d_device/mavlink_source';
    assert.match(await ros.ros2('topic', 'info', topic), /Publisher count: 1\b/);
    await assertNothingTwice(topic);
    release();
    const { files, error, log } = await report(program);
    assert.deepEqual({ files, error }, { files: WHOLE, error: undefined }, log.join('\n'));
    assert.match(await ros.ros2('topic', 'list'), /^(?!.*d_device)/s);
    lives();
  });

  /** The number that the vehicle gives each message: a second endpoint would bring each one again. */
  async function assertNothingTwice(topic: string): Promise<void> {
    const only = ['--qos-reliability', 'best_effort', '--field', 'seq'];
    const echo = ros.start('ros2', ['topic', 'echo', topic, 'mavros_msgs/msg/Mavlink', ...only]);
    await echo.says(/(\d+\s+---\s+){4}/);
    echo.signal('SIGINT');
    const { output } = await echo.ended;
    const numbers = output.match(/^\d+$/gm) ?? [];
    assert.deepEqual(numbers, [...new Set(numbers)]);
  }

  it('is found by filesync check, which reports how it is reached and why', async function () {
    this.timeout(180_000);
    await withVehicle();
    const home = await temporaryFolder();
    ends.push(() => home.remove());
    const config = join(home.path, 'filesync.yaml');
    const devices = '{ autopilot: { type: mavros, root: /log }, out: { type: directory, path: ./out } }';
    await writeFile(config, `devices: ${devices}\nrules: [{ from: autopilot, to: [out] }]\n`);
    await mkdir(join(home.path, 'out'));
    // From a cold start MAVROS may take longer than the check does.
    await ros.start('ros2', [
      'topic',
      'echo',
      '--once',
      '/mavros/state',
      '--qos-durability',
      'transient_local',
    ]).ended;
    const command = ['run', 'filesync', 'filesync'];
    const check = () => ros.start('ros2', [...command, 'check', '-c', config]).ended;
    const own = (await check()).output;
    assert.match(own, /^ok +autopilot +mavros .*endpoint.*transport auto.*router offers/m);
    assert.match(own, /^ok +out +directory/m);
    const node = ros.start('ros2', [...command, '-c', config]);
    await node.says(/goes through an endpoint/);
    const seen = (await check()).output;
    assert.match(
      seen,
      /^ok +autopilot +mavros .*transport auto.*router offers.*reported by the running daemon/m,
    );
    node.signal('SIGINT');
    assert.equal((await node.ended).code, 0);
    lives();
  });

  it('leaves the services to others while an endpoint is used', async function () {
    this.timeout(300_000);
    await withOldVehicle('ardupilot');
    const asked = [
      { path: 'a/flight.ulg', size: LOG.length },
      { path: 'b.ulg', size: SMALL.length },
    ];
    const program = ros.start(process.execPath, [
      '--import=tsx',
      path('mavros-both.ts'),
      JSON.stringify(asked),
    ]);
    const { output } = await program.ended;
    const line = output.split('\n').find(text => text.startsWith('{"endpoint"'));
    assert.ok(line !== undefined, output + mavros.output);
    const { endpoint, services } = JSON.parse(line) as Both;
    assert.equal(endpoint, WHOLE['a/flight.ulg']);
    assert.ok(services.length > 2, 'the services were not used meanwhile');
    assert.deepEqual(new Set(services), new Set([WHOLE['b.ulg']]));
    lives();
  });

  it('fetches whole files through the services, and survives that we are killed in mid-file', async function () {
    this.timeout(300_000);
    await withOldVehicle();
    for (let kill = 0; kill < 3; kill++) {
      const program = fetching(ros, 'services');
      await program.says('begun');
      program.signal('SIGKILL');
      await program.ended;
    }
    const { files, error } = await report(fetching(ros, 'services'));
    assert.deepEqual({ files, error }, { files: WHOLE, error: undefined }, mavros.output);
    lives();
  });

  for (const transport of ['services', 'endpoint'])
    it(`may be killed and started again in mid-file, transport ${transport}`, async function () {
      this.timeout(300_000);
      const [sim, restart] = await withOldVehicle();
      const release = sim.hold('/log/a/flight.ulg', 700_000);
      const program = fetching(ros, transport);
      await program.says('begun');
      mavros.signal('SIGKILL');
      await mavros.ended;
      release();
      restart();
      const { files, error } = await report(program);
      assert.deepEqual({ files, error }, { files: WHOLE, error: undefined }, mavros.output);
      lives();
    });
});
