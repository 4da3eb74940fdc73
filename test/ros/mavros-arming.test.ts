import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Source } from '../../src/ports.js';
import { systemClock } from '../../src/system/clock.js';
import { engineOn } from '../conformance/engine-on.js';
import { mavlinkBench, type MavlinkBench } from '../conformance/mavlink-bench.js';
import { eventually, sample } from '../conformance/support.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { mavrosBench, type MavrosBench } from './mavros-bench.js';

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

function onMavlink(bench: MavlinkBench | MavrosBench): Vehicle {
  return { ...bench, arm: armed => bench.sim.arm(armed), calls: () => bench.sim.stats.requests };
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
  it('through an endpoint of its router', () =>
    withVehicle(async () => onMavlink(await mavrosBench({ transport: 'endpoint' }))));
  it('over MAVLink', () => withVehicle(async () => onMavlink(await mavlinkBench())));
});
