import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startSim } from '../../src/sim/sim.js';
import { systemClock } from '../../src/system/clock.js';
import { sample } from '../conformance/support.js';
import { Place } from '../e2e/program.js';
import { OldFirmware } from '../fakes/old-firmware.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { freePort, requireMavros, startMavros, startStandIn } from './real-mavros.js';
import { requireRos, type Ros, type RosProgram } from './real.js';
import { User } from './user.js';

// The node is killed again and again while it fetches, and MAVROS must not notice. `npm run soak` asks for the large numbers;
// every start takes its time, for the node waits until a call of the killed one has certainly ended.

const number = (name: string, usual: number) => Number(process.env[name] ?? usual);
const OPERATIONS = number('FILESYNC_SOAK_OPERATIONS', 400);
const KILLS = number('FILESYNC_SOAK_KILLS', 4);
/** ms for all. */
const LIMIT = 240_000 + KILLS * 20_000 + OPERATIONS * 200;

/** FTP calls that reach the vehicle for one file: open, read, close, a listing to see whether it has grown, the checksum. */
const CALLS_A_FILE = 6;
const FILES = Math.ceil(OPERATIONS / CALLS_A_FILE) + 1;
/** Bytes: one packet, a few, and now and then a log that takes many calls. */
const SIZES = [200, 3_000, 240, 12_000, 700, 150_000];

/** A MAVROS with a vehicle. */
interface Vehicle {
  readonly mavros: RosProgram;
  /** FTP calls so far, or fewer. */
  readonly operations: () => number;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** SHA-256 of each file below a folder, by name. */
async function digests(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder).catch(() => [])).sort();
  const hash = async (name: string) => [name, sha256(await readFile(join(folder, name)))] as const;
  return new Map(await Promise.all(names.map(hash)));
}

async function fillCard(place: Place): Promise<void> {
  await mkdir(place.path('card/log'), { recursive: true });
  await mkdir(place.path('out'));
  for (let index = 0; index < FILES; index++) {
    const name = `log${String(index).padStart(4, '0')}.ulg`;
    await writeFile(place.path('card/log', name), sample(SIZES[index % SIZES.length] ?? 0, index));
  }
}

const configure = (place: Place) =>
  place.configure({
    devices: {
      autopilot: { type: 'mavros', root: '/log', transport: 'services' },
      out: { type: 'directory', path: './out' },
    },
    rules: [{ from: 'autopilot', to: ['out'], settle: 0 }],
  });

describe('MAVROS and the files survive that the node is killed while it fetches', function () {
  this.timeout(LIMIT);
  let ros: Ros;
  let user: User;

  before(async function () {
    ros = await requireRos(this, 3);
    user = new User(ros);
  });

  afterEach(() => ros?.endAll());
  after(() => ros?.close());

  async function standIn(place: Place): Promise<Vehicle> {
    const mavros = await startStandIn(ros, place.path('card'));
    const operations = () => Number(/call (\d+) [^\n]*\n$/.exec(mavros.output.slice(-500))?.[1] ?? 0);
    return { mavros, operations };
  }

  /** With a vehicle that answers the way in which released versions of MAVROS ask. */
  async function real(place: Place): Promise<Vehicle> {
    const [station, port] = [await freePort(), await freePort()];
    const at = (number: number) => ({ host: '127.0.0.1', port: number });
    const files = { folder: place.path('card'), like: 'px4' } as const;
    const parts = { clock: systemClock, logger: new RecordingLogger() };
    const sim = await startSim({ ...files, ...parts, listen: at(0), to: at(port) });
    const old = await OldFirmware.start(sim.address.port, station);
    place.use(sim);
    place.use(old);
    return { mavros: startMavros(ros, { station, vehicle: old.port }), operations: () => old.operations };
  }

  async function reaches({ mavros, operations }: Vehicle, count: number, node: RosProgram): Promise<void> {
    while (operations() < count) {
      assert.ok(mavros.running, mavros.output.slice(-2000));
      assert.ok(node.running, node.output.slice(-2000));
      await delay(1);
    }
  }

  async function killAndKill(place: Place, start: (place: Place) => Promise<Vehicle>): Promise<void> {
    await fillCard(place);
    const vehicle = await start(place);
    const config = await configure(place);
    for (let kill = 0; kill < KILLS; kill++) {
      const node = user.runAlone(config);
      const next = (OPERATIONS * (kill + Math.random())) / KILLS;
      await reaches(vehicle, Math.max(next, vehicle.operations() + 1 + Math.random() * 9), node);
      node.signal('SIGKILL');
      await node.ended;
    }
    const node = user.runAlone(config);
    const arrived = async () => {
      const names = await readdir(place.path('out/autopilot')).catch(() => []);
      return names.filter(name => name.endsWith('.ulg')).length;
    };
    while ((await arrived()) < FILES) {
      await reaches(vehicle, 0, node);
      await delay(100);
    }
    node.signal('SIGINT');
    assert.equal((await node.ended).code, 0, node.output);
    assert.ok(vehicle.mavros.running, vehicle.mavros.output.slice(-2000));
    assert.doesNotMatch(vehicle.mavros.output, /died|terminate called|Busy/);
    assert.deepEqual(await digests(place.path('out/autopilot')), await digests(place.path('card/log')));
    assert.ok(vehicle.operations() >= OPERATIONS, `only ${vehicle.operations()} operations`);
    console.log(`      ${vehicle.operations()} operations, ${KILLS} kills, ${FILES} files whole`);
  }

  const title = `${OPERATIONS} operations and ${KILLS} kills`;

  it(`${title}, the stand-in`, () => Place.with(place => killAndKill(place, standIn)));

  it(`${title}, the real MAVROS`, async function () {
    requireMavros(this, ros);
    await Place.with(place => killAndKill(place, real));
  });
});
