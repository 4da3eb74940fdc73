import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Source } from '../../src/ports.js';
import { Engine } from '../../src/pipeline/engine.js';
import { daemonPolicy } from '../../src/pipeline/retry-policy.js';
import { Wording } from '../../src/pipeline/wording.js';
import { LocalStorage } from '../../src/local/storage.js';
import { DescriptionFile } from '../../src/rules/coex.js';
import { Planner } from '../../src/rules/plan.js';
import { systemClock } from '../../src/system/clock.js';
import { mavlinkBench } from '../conformance/mavlink-bench.js';
import { eventually, sample } from '../conformance/support.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { MemoryStore } from '../fakes/memory-store.js';
import { MemoryTarget } from '../fakes/memory-target.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { rule } from '../unit/pipeline/bench.js';
import { mavrosBench } from './mavros-bench.js';

const LOG = sample(4_000_000, 3);
const LATER = sample(100, 4);

/** A vehicle with a source on it. */
interface Vehicle {
  readonly source: Source;
  put(path: string, bytes: Uint8Array): Promise<void>;
  arm(armed: boolean): void;
  /** File transfer calls, or requests, that have reached it. */
  calls(): number;
  close(): Promise<void>;
}

async function onMavros(): Promise<Vehicle> {
  const bench = await mavrosBench();
  return {
    ...bench,
    arm: armed => bench.standIn.arm(armed),
    calls: () => {
      assert.equal(bench.standIn.death, undefined);
      return bench.standIn.calls.length;
    },
  };
}

async function onMavlink(): Promise<Vehicle> {
  const bench = await mavlinkBench();
  return { ...bench, arm: armed => bench.sim.arm(armed), calls: () => bench.sim.stats.requests };
}

/** An engine that looks at the source once, and then only when it has a reason to. */
function engineOn(source: Source, folder: string): { engine: Engine; target: MemoryTarget } {
  const logger = new RecordingLogger();
  const target = new MemoryTarget();
  const local = new LocalStorage(folder);
  const planner = new Planner([rule()]);
  const descriptionFile = new DescriptionFile(join(folder, 'coex.conf'), logger);
  const wording = new Wording({ planner, local, descriptionFile, hostname: 'pi' });
  const devices = [
    { name: 'cam', type: 'vehicle', source },
    { name: 'ftp', type: 'memory', target },
  ];
  const tools = { clock: systemClock, logger, random: Math.random, policy: daemonPolicy };
  const parts = { ...tools, devices, store: new MemoryStore(), local, planner, wording };
  return { engine: new Engine({ ...parts, interval: 3_600_000 }), target };
}

/** Arms in mid-file. Nothing more may reach the vehicle; after disarming, everything must arrive, the latest file too. */
async function obeysArming(vehicle: Vehicle, folder: string): Promise<void> {
  const { engine, target } = engineOn(vehicle.source, folder);
  try {
    await vehicle.put('a.ulg', LOG);
    await engine.start();
    await eventually(async () => vehicle.calls() > 50);
    vehicle.arm(true);
    await systemClock.sleep(1_000);
    const calls = vehicle.calls();
    await vehicle.put('b.ulg', LATER);
    await systemClock.sleep(1_500);
    assert.equal(vehicle.calls(), calls);
    assert.equal(target.files.size, 0, 'the file arrived before the vehicle was armed');
    vehicle.arm(false);
    await eventually(async () => target.files.size === 2);
    assert.deepEqual([...target.files.values()].map(({ length }) => length).sort(), [
      LATER.length,
      LOG.length,
    ]);
    assert.deepEqual(await readFile(join(folder, 'cam', 'a.ulg')), Buffer.from(LOG));
  } finally {
    await engine.stop();
  }
}

async function withVehicle(make: () => Promise<Vehicle>): Promise<void> {
  const folder = await temporaryFolder();
  const vehicle = await make();
  try {
    await obeysArming(vehicle, folder.path);
  } finally {
    await vehicle.close();
    await folder.remove();
  }
}

describe('an armed vehicle is left alone within a second, and looked at again after it was disarmed', () => {
  it('through the services of MAVROS', () => withVehicle(onMavros));
  it('over MAVLink', () => withVehicle(onMavlink));
});
