import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { compose } from '../../src/compose.js';
import { loadConfig } from '../../src/config/load.js';
import { deviceTypes } from '../../src/devices/registry.js';
import type { Engine } from '../../src/engine/engine.js';
import { stateOf } from '../../src/record/state.js';
import { FileState } from '../../src/ports.js';
import { daemonPolicy } from '../../src/system/back-off.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { randomFrom } from '../unit/db/crash-disk.js';
import { FastClock } from './fast-clock.js';
import { figures, settled, type Measures } from './measure.js';
import { World } from './world.js';

// A process of its own, so that memory, descriptors and threads are those of the engine and the servers alone. Prints a line a
// season; ends with code 1 if a file is lost, or something has grown.

const { env } = process;
/** The short form repeats one course of events; sockets and disks make it different enough. */
const SEED = Number(env.FILESYNC_SOAK_SEED ?? (env.FILESYNC_SOAK_MS === undefined ? 7 : Date.now() | 0));
/** ms of real time in which seasons begin. */
const TOTAL_MS = Number(env.FILESYNC_SOAK_MS ?? 12_000);
/** How many times faster time passes for the engine and the vehicle. */
const FACTOR = Number(env.FILESYNC_SOAK_FACTOR ?? 10);
/** ms of real time until the first measurement. */
const FIRST_MS = Math.min(60_000, TOTAL_MS / 4);
/** ms of real time without any file delivered after which the rest counts as stuck. */
const STUCK_MS = 90_000;
const MIN_SEASONS = 2;
/** In each season. */
const LONG_FLIGHTS = 5;
const SHORT_MS = 60_000;
/** What a short run needs at most. */
const MIN_SPACE_BYTES = 512 * 1024 * 1024;

const clock = new FastClock(FACTOR);
/** Of the vehicle, whose timers are not the engine's. */
const vehicleClock = new FastClock(FACTOR);
/** Of the season under way. */
let logger = new RecordingLogger();

async function startEngine(world: World): Promise<Engine> {
  logger = new RecordingLogger();
  const config = await loadConfig(await world.writeConfiguration(), { env: {}, deviceTypes });
  const { engine } = await compose(config, { env: {}, hostname: 'soak', clock, logger }, daemonPolicy);
  await engine.start();
  return engine;
}

const acts: readonly ((world: World, engine: Engine) => void | Promise<void>)[] = [
  world => world.pictures(1 + world.below(60)),
  world => world.pictures(1 + world.below(60)),
  world => world.flights(1 + world.below(3)),
  world => world.flights(1 + world.below(3)),
  world => world.arm(),
  world => world.vehicleGoes().then(() => world.vehicleComes()),
  world => world.vehicleGoes(),
  world => world.restore(),
  world => world.ftpRestarts(),
  world => world.siteRestarts(),
  (world, engine) => engine.pause(world.below(2) === 0),
  (_world, engine) => engine.rescan(),
];

/** What the engine holds while it has nothing to do, when that was measured first. */
let firstIdle: Measures | undefined;

/** One life of the program, which ends at whatever moment, or when all work is done. */
async function season(world: World, isPatient: boolean): Promise<void> {
  const engine = await startEngine(world);
  try {
    await world.longFlights(LONG_FLIGHTS);
    for (let count = 8 + world.below(12); count > 0; count--) {
      await acts[world.below(acts.length)]?.(world, engine);
      await sleep(world.below(400));
    }
    if (isPatient) await finish(world, engine);
  } finally {
    await engine.stop();
  }
}

/** Waits until every file is where it belongs, and compares what the idle engine holds. */
async function finish(world: World, engine: Engine): Promise<void> {
  await world.restore();
  engine.pause(false);
  let [left, since] = [Infinity, Date.now()];
  for (let open = await unfinished(world, engine); open.length > 0; open = await unfinished(world, engine)) {
    if (open.length !== left) [left, since] = [open.length, Date.now()];
    if (Date.now() - since > STUCK_MS)
      throw new Error(`not accounted for:\n${shortened(open)}\n${stuckReport(engine)}`);
    await sleep(500);
  }
  const idle = await settled(firstIdle, world.made.length, clock, 'idle');
  firstIdle ??= idle;
  console.log(`idle: ${figures(idle)}`);
}

/** Files whose way is not over; the bytes are compared once that is true of none. */
async function unfinished(world: World, engine: Engine): Promise<string[]> {
  const open = [...engine.records.all()].filter(record => !DONE.includes(stateOf(record)));
  return open.length > 0 ? open.map(record => JSON.stringify(record)) : world.problems();
}

/** Devices, and what each file waits for. */
function stuckReport(engine: Engine): string {
  const waits = [...engine.records.all()].flatMap(record =>
    engine.waits(record).map(wait => `${record.path}: ${JSON.stringify(wait)}`),
  );
  let devices = '';
  engine.devices.subscribe(all => (devices = JSON.stringify(all))).unsubscribe();
  return [...waits.slice(0, 20), devices, `paused: ${engine.paused}`].join('\n');
}

const DONE: readonly number[] = [FileState.UPLOADED, FileState.REMOVED];

const shortened = (lines: readonly string[]): string =>
  [...lines.slice(0, 20), `(${lines.length} in all)`].join('\n');

async function soak(world: World): Promise<void> {
  const began = Date.now();
  let first: Measures | undefined;
  for (let number = 1; number <= MIN_SEASONS || Date.now() - began < TOTAL_MS; number++) {
    // The first and the last life end when all is done: so they can be compared.
    await season(world, number === 1 || world.below(4) === 0);
    await world.restore();
    const isEarly = Date.now() - began < FIRST_MS;
    const now = await settled(first, world.made.length, clock);
    if (!isEarly) first ??= now;
    console.log(`${secondsSince(began)}: season ${number}, ${world.made.length} files, ${figures(now)}`);
  }
  await season(world, true);
  const damages = await world.damages();
  if (damages.length > 0) throw new Error(`damaged:\n${shortened(damages)}`);
  const last = await settled(first, world.made.length, clock);
  console.log(`${secondsSince(began)}: all ${world.made.length} files are accounted for; ${figures(last)}`);
}

/** A short run is made in memory, where there is space: it tests no disk, and syncs of a busy one would take most of the time. */
async function parentFolder(): Promise<string> {
  const memory = await statfs('/dev/shm').catch(() => undefined);
  const hasSpace = memory !== undefined && memory.bavail * memory.bsize > MIN_SPACE_BYTES;
  return hasSpace && TOTAL_MS <= SHORT_MS ? '/dev/shm' : tmpdir();
}

const secondsSince = (began: number): string => `${Math.round((Date.now() - began) / 1000)} s`;

console.log(`soak for ${TOTAL_MS} ms, ${FACTOR} times faster: FILESYNC_SOAK_SEED=${SEED} repeats it`);
const world = await World.make(await parentFolder(), vehicleClock, randomFrom(SEED));
try {
  await soak(world);
} catch (error) {
  console.log(`FILESYNC_SOAK_SEED=${SEED}`, error);
  console.log(
    logger.entries
      .slice(-60)
      .map(({ level, name, message }) => `  ${level} ${name}: ${message}`)
      .join('\n'),
  );
  process.exitCode = 1;
} finally {
  await world.close();
}
