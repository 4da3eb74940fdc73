import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { startSim, type Sim, type SimOptions } from '../../src/sim/sim.js';
import { systemClock } from '../../src/system/clock.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { eventually, sample } from '../conformance/support.js';
import { folders, put, records, states, sync } from './parts.js';
import { Place } from './program.js';

/** Bytes per second of the link, and the bytes of an older file that takes more than a minute over it. */
const RATE = 100_000;
const OLD_BYTES = sample(8_000_000, 1);
const NEW_BYTES = sample(2_000, 2);
/** Bytes after which the newer file is asked for. */
const BEGUN_BYTES = 400_000;

interface Vehicle {
  readonly config: string;
  sim(): Sim;
  /** Switches it off and on again, with a link of that rate. */
  restart(rate: number): Promise<void>;
}

/** A vehicle with `/log/old.bin` that was seen first, then `/log/new.bin`; each is fetched when a person asks for it. */
async function vehicleIn(place: Place): Promise<Vehicle> {
  const folder = place.path('card');
  await put(place.path('card/log/old.bin'), OLD_BYTES);
  const tools = { clock: systemClock, logger: new RecordingLogger() };
  const begin = (rate: number, listen: SimOptions['listen']) =>
    startSim({ folder, like: 'px4', listen, rate, ...tools });
  let sim = await begin(RATE, { host: '127.0.0.1', port: 0 });
  const { address } = sim;
  place.use({ close: () => sim.close() });
  const drone = { type: 'mavlink', url: `udp://127.0.0.1:0@127.0.0.1:${address.port}`, root: '/log' };
  const config = await place.configure(
    folders({ rule: { from: 'drone', fetch: 'asked' }, devices: { drone } }),
  );
  await sync(place, config);
  await put(place.path('card/log/new.bin'), NEW_BYTES);
  const restart = async (rate: number) => {
    await sim.close();
    sim = await begin(rate, address);
  };
  return { config, sim: () => sim, restart };
}

async function fetch(place: Place, config: string, path: string): Promise<void> {
  const file = (await records(place, config)).find(one => one.path === path);
  const { code, stdout, stderr } = await place.run(['fetch', file?.id ?? '', '-c', config]);
  assert.equal(code, 0, stdout + stderr);
}

describe('filesync run, a newer file', function () {
  this.timeout(120_000);

  it('goes before an older one that is on its way for long, which resumes where it was', () =>
    Place.with(async place => {
      const vehicle = await vehicleIn(place);
      const { config } = vehicle;
      const daemon = place.start(['run', '-c', config]);
      await eventually(async () => (await states(place, config)).length === 2);
      await fetch(place, config, 'old.bin');
      await eventually(async () => vehicle.sim().stats.bytesServed >= BEGUN_BYTES);
      await fetch(place, config, 'new.bin');
      await daemon.says(/new\.bin -> outbox: delivered/);
      assert.match(
        daemon.stderr,
        /old\.bin: download interrupted \(a newer file goes first\): kept [\d.]+ [kM]B of 8\.0 MB; it resumes there[^]*new\.bin: downloaded/,
      );
      assert.doesNotMatch(daemon.stderr, /old\.bin: downloaded/);
      const { size: kept } = await stat(place.path('data/drone/old.bin.part'));
      assert.ok(kept >= BEGUN_BYTES / 2, `kept ${kept} bytes`);
      const served = vehicle.sim().stats.bytesServed;
      await vehicle.restart(Infinity);
      await daemon.says(/old\.bin -> outbox: delivered/);
      const twice = served + vehicle.sim().stats.bytesServed - OLD_BYTES.length - NEW_BYTES.length;
      assert.ok(twice < BEGUN_BYTES / 2, `${twice} bytes were sent twice`);
      assert.ok((await readFile(place.path('outbox/old.bin'))).equals(OLD_BYTES));
      assert.ok((await readFile(place.path('outbox/new.bin'))).equals(NEW_BYTES));
    }));
});
