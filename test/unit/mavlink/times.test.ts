import assert from 'node:assert/strict';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Opcode } from '../../../src/mavlink/ftp-payload.js';
import { ARDUPILOT, PX4, type Personality } from '../../../src/sim/personality.js';
import { startSim } from '../../../src/sim/sim.js';
import { systemClock } from '../../../src/system/clock.js';
import { engineOn } from '../../conformance/engine-on.js';
import { connected, mavlinkBench, mavlinkSource } from '../../conformance/mavlink-bench.js';
import { failsWith, listed, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { ScriptedVehicle } from './scripted-vehicle.js';

const never = new AbortController().signal;
const FLOWN = new Date('2026-03-04T05:06:07Z');
/** As PX4 was before it knew ListDirectoryWithTime. */
const OLD_PX4: Personality = {
  ...PX4,
  replies: { ...PX4.replies, unknown: new Set([Opcode.LIST_DIRECTORY_WITH_TIME]) },
};

describe('The times of logs on a vehicle', () => {
  it('are those of its listing', async () => {
    const bench = await mavlinkBench({ like: PX4 });
    const path = join(bench.card, 'log', 'a.ulg');
    await writeFile(path, sample(100));
    await utimes(path, FLOWN, FLOWN);
    const [file] = await listed(bench.source);
    assert.deepEqual(file, { path: 'a.ulg', size: 100, modified: FLOWN.getTime() });
    await utimes(path, FLOWN, new Date(FLOWN.getTime() + 60_000));
    await failsWith(() => bench.source.remove({ ...file, path: 'a.ulg', size: 100 }, never), 'changed');
    const changes = await bench.source.listChanges?.(['a.ulg'], never);
    assert.equal(changes?.[0]?.modified, FLOWN.getTime() + 60_000);
    await bench.close();
  });

  it('are none where the clock of the vehicle had not been set', async () => {
    const bench = await mavlinkBench({ like: PX4 });
    const path = join(bench.card, 'log', 'a.ulg');
    await writeFile(path, sample(100));
    await utimes(path, FLOWN, new Date('1980-01-01T00:00:00Z'));
    assert.deepEqual(await listed(bench.source), [{ path: 'a.ulg', size: 100 }]);
    await bench.close();
  });

  it('are not asked for again where the vehicle does not know them', async () => {
    const vehicle = await ScriptedVehicle.start();
    vehicle.files.set('/log/a.ulg', sample(100));
    const source = await mavlinkSource({ url: vehicle.url, root: '/log' });
    for (let round = 0; round < 3; round++) assert.equal((await listed(source)).length, 1);
    const asked = new Set(
      vehicle.requests
        .filter(({ opcode }) => opcode === Opcode.LIST_DIRECTORY_WITH_TIME)
        .map(({ sequence }) => sequence),
    );
    assert.equal(asked.size, 1);
    await source.close();
    await vehicle.close();
  });

  it('are done without where the vehicle does not answer a request for them', async () => {
    const vehicle = await ScriptedVehicle.start();
    vehicle.files.set('/log/a.ulg', sample(100));
    vehicle.script = ({ opcode }, good) => (opcode === Opcode.LIST_DIRECTORY_WITH_TIME ? [] : [good]);
    const source = await mavlinkSource({ url: vehicle.url, root: '/log' });
    assert.equal((await listed(source)).length, 1);
    await source.close();
    await vehicle.close();
  });

  it('are done without where an ArduPilot, which has none, takes the place of a PX4', async () => {
    const home = await temporaryFolder();
    await mkdir(join(home.path, 'log'));
    await writeFile(join(home.path, 'log', 'a.ulg'), sample(100));
    await utimes(join(home.path, 'log', 'a.ulg'), FLOWN, FLOWN);
    const shape = { folder: home.path, clock: systemClock, logger: new RecordingLogger() };
    const first = await startSim({ ...shape, like: PX4, listen: { host: '127.0.0.1', port: 0 } });
    const { address } = first;
    const source = await mavlinkSource({ url: `udp://127.0.0.1:0@127.0.0.1:${address.port}`, root: '/log' });
    await connected(source, first);
    assert.equal((await listed(source))[0]?.modified, FLOWN.getTime());
    await first.close();
    const second = await startSim({ ...shape, like: ARDUPILOT, listen: address });
    await connected(source, second);
    assert.deepEqual(await listed(source), [{ path: 'a.ulg', size: 100 }]);
    await source.close();
    await second.close();
    await home.remove();
  });

  for (const [name, before, after] of [
    ['a vehicle that learns to list them', OLD_PX4, PX4],
    ['a vehicle that lists them no more', PX4, OLD_PX4],
    ['ArduPilot, which has none', ARDUPILOT, ARDUPILOT],
  ] as const)
    it(`make no known file a new one: ${name}`, async () => {
      const home = await temporaryFolder();
      const [card, local] = [join(home.path, 'card'), join(home.path, 'local')];
      await mkdir(join(card, 'log'), { recursive: true });
      await mkdir(local);
      for (const log of ['a.ulg', 'b.ulg']) {
        await writeFile(join(card, 'log', log), sample(1_000));
        await utimes(join(card, 'log', log), FLOWN, FLOWN);
      }
      const store = new MemoryStore();
      const passes: { delivered: number; served: number }[] = [];
      for (const like of [before, after]) {
        const logger = new RecordingLogger();
        const listen = { host: '127.0.0.1', port: 0 };
        const sim = await startSim({ folder: card, listen, like, clock: systemClock, logger });
        const url = `udp://127.0.0.1:0@127.0.0.1:${sim.address.port}`;
        const source = await mavlinkSource({ url, root: '/log' });
        await connected(source, sim);
        const { engine } = engineOn(source, local, store);
        const { delivered } = await engine.pass();
        passes.push({ delivered: delivered.length, served: sim.stats.bytesServed });
        await engine.stop();
        await source.close();
        await sim.close();
      }
      assert.deepEqual([...store.all()].map(({ path }) => path).sort(), ['a.ulg', 'b.ulg']);
      assert.deepEqual(
        passes.map(({ delivered }) => delivered),
        [2, 0],
      );
      // Without times, the newest file is compared by its checksum, which the vehicle computes.
      assert.equal(passes[1]?.served, 0);
      await home.remove();
    });
});
