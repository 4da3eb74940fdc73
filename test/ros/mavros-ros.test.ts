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
import type { Report } from './mavros-child.js';
import { freePort, hasMavros, startMavros } from './real-mavros.js';
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
    if (!(await hasMavros(ros))) this.skip();
  });

  afterEach(async () => {
    mavros.signal('SIGKILL');
    await mavros.ended;
    for (let end = ends.pop(); end; end = ends.pop()) await end();
  });

  after(() => ros?.close());

  /** A vehicle with two logs, and where it sends its heartbeats to. */
  async function vehicle(station: number): Promise<Sim> {
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
      like: 'px4',
      clock: systemClock,
      logger,
    });
    ends.push(() => sim.close());
    return sim;
  }

  async function withVehicle(): Promise<void> {
    const station = await freePort();
    const sim = await vehicle(station);
    mavros = startMavros(ros, { station, vehicle: sim.address.port });
  }

  /** One that answers the way in which released versions of MAVROS ask. */
  async function withOldVehicle(): Promise<[Sim, () => unknown]> {
    const station = await freePort();
    const sim = await vehicle(await freePort());
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

  it('says what to do where its services cannot read', async function () {
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
