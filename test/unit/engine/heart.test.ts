import assert from 'node:assert/strict';
import { DeviceRegistry } from '../../../src/engine/devices.js';
import { Sightings } from '../../../src/record/sightings.js';
import { stateName, stateOf } from '../../../src/record/state.js';
import { gateOf, scanStep, type World } from '../../../src/engine/steps.js';
import { FileSyncError } from '../../../src/errors.js';
import type { FileRecord } from '../../../src/ports.js';
import { systemClock } from '../../../src/system/clock.js';
import { momentOf } from '../../../src/system/moment.js';
import { eventually, sample } from '../../conformance/support.js';
import { camRecord } from '../../fakes/file-record.js';
import { MemorySource } from '../../fakes/memory-source.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { makeBench, onBench, rule, type Bench } from './bench.js';

const A = sample(10_000, 1);
const ARMED = { available: true, reason: '', armed: true };
const DISARMED = { ...ARMED, armed: false };
/** It has only its own word that it took a file. */
const wordOnly = { capabilities: { stat: false, checksum: false as const, resume: false } };

const recordOf = (bench: Bench, path: string) => bench.record(path) as FileRecord;
const state = (bench: Bench, path: string) => stateName(stateOf(recordOf(bench, path)));

describe('Nothing that was delivered is taken back', () => {
  it('when the source goes offline in a pass', () => {
    let reads = 0;
    const b: { bench?: Bench } = {};
    const before = (operation: string) => {
      if (operation !== 'read' || ++reads <= 6) return;
      b.bench?.source.availability.next({ available: false, reason: 'no heartbeat', armed: false });
      throw new FileSyncError('unavailable', 'no heartbeat');
    };
    return onBench({ policy: { maxWaitMs: 50, maxTries: 3 }, source: { before } }, async bench => {
      b.bench = bench;
      for (const name of ['1', '2', '3', '4']) bench.source.put(name, A);
      await bench.engine.pass();
      const states = bench.records().map(({ path }) => state(bench, path));
      assert.deepEqual(states.sort(), ['FOUND', 'FOUND', 'UPLOADED', 'UPLOADED']);
    });
  });

  it('when the program stops while the vehicle is armed', () =>
    onBench({ policy: { maxWaitMs: Infinity, maxTries: Infinity } }, async bench => {
      bench.source.put('a', A);
      bench.store.changes.subscribe(({ record }) => {
        if (record?.copy.state === 'whole') bench.source.availability.next(ARMED);
      });
      await bench.engine.start();
      await eventually(async () => bench.record('a') !== undefined && state(bench, 'a') === 'UPLOADED');
      await bench.engine.stop();
      assert.equal(state(bench, 'a'), 'UPLOADED');
    }));
});

describe('The local copy', () => {
  it('is not removed before the source is: it is the last proof of what was delivered', async () => {
    const store = new MemoryStore();
    const first = await makeBench({ store, targets: { ftp: wordOnly } });
    first.source.put('a', A, 1000);
    await first.engine.pass();
    await first.engine.stop();
    const again = await makeBench({
      store: store.reopened(),
      folder: first.folder,
      policy: { maxWaitMs: Infinity },
      targets: { ftp: wordOnly },
      rules: [rule({ after: { source: 'delete', local: { kind: 'delete' } } })],
    });
    again.source.put('a', A, 1000);
    again.source.availability.next(ARMED);
    await again.engine.start();
    await eventually(async () => again.engine.waits(recordOf(again, 'a')).length > 0);
    assert.equal(recordOf(again, 'a').copy.state, 'whole');
    again.source.availability.next(DISARMED);
    await eventually(async () => recordOf(again, 'a').copy.state === 'evicted');
    assert.equal(again.source.has('a'), false);
    await again.engine.stop();
    await first.remove();
  });
});

describe('A retry', () => {
  it('is not lost when it comes while FAILED is being written', () => {
    class Slow extends MemoryStore {
      override async put(record: FileRecord): Promise<void> {
        await super.put(record);
        await systemClock.sleep(30);
      }
    }
    let refuse = true;
    const before = (operation: string) => {
      if (operation === 'write' && refuse) throw new FileSyncError('rejected', 'no');
    };
    return onBench({ store: new Slow(), targets: { ftp: { before } } }, async bench => {
      bench.source.put('a', A);
      bench.store.changes.subscribe(({ id, record }) => {
        if (!refuse || !record || stateName(stateOf(record)) !== 'FAILED') return;
        refuse = false;
        setTimeout(() => void bench.engine.records.commit(id, { type: 'Retried' }), 5);
      });
      await bench.engine.start();
      await eventually(async () => bench.target().files.has('cam/a') && state(bench, 'a') === 'UPLOADED');
    });
  });
});

describe('A refusal', () => {
  it('stands, although the target goes on committing what it had not read when it answered', () =>
    onBench({ targets: { ftp: wordOnly }, policy: { maxTries: 1 } }, async bench => {
      let late: Promise<void> | undefined;
      bench.target().write = async (_file, _path, _offset, _signal, events) => {
        late = systemClock.sleep(10).then(() => events.committing());
        throw new FileSyncError('unavailable', 'not now');
      };
      bench.source.put('a', A);
      await bench.engine.pass();
      await assert.rejects(late ?? Promise.resolve());
      assert.equal(recordOf(bench, 'a').targets['ftp']?.state, 'pending');
      assert.equal(state(bench, 'a'), 'DOWNLOADED');
    }));
});

describe('A growing file', () => {
  it('is not settled because its source, whose clock is behind, says that it changed long ago', async () => {
    const clock = new VirtualClock();
    const sightings = new Sightings(clock);
    const file = { path: 'a', size: 10, modified: clock.now() - 3_600_000 };
    const grown = { ...file, size: 20, modified: file.modified + 1000 };
    sightings.observe(file, clock.monotonic(), 0);
    await clock.advance(20_000);
    sightings.observe(grown, clock.monotonic(), 0);
    assert.ok(sightings.remaining(grown, 10_000) > 0);
  });

  it('that a long listing showed counts as seen when that listing had ended', async () => {
    const clock = new VirtualClock();
    const sightings = new Sightings(clock);
    const file = { path: 'a', size: 10 };
    const began = clock.monotonic();
    await clock.advance(15_000);
    sightings.observe(file, began, 0);
    sightings.observe(file, clock.monotonic(), 0);
    assert.ok(sightings.remaining(file, 10_000) > 0);
    await clock.advance(10_000);
    sightings.observe(file, clock.monotonic(), 0);
    assert.equal(sightings.remaining(file, 10_000), 0);
  });

  it('must stand still for longer than others, and longer for each version that was taken too early', async () => {
    const clock = new VirtualClock();
    const standstill = async (versions: number, sizes: readonly number[]): Promise<number> => {
      const sightings = new Sightings(clock);
      const file = (size: number) => ({ path: 'a', size });
      for (const size of sizes) {
        await clock.advance(1000);
        sightings.observe(file(size), clock.monotonic(), versions);
      }
      const last = file(sizes.at(-1) ?? 0);
      for (let seconds = 0; ; seconds++) {
        if (sightings.remaining(last, 10_000) === 0) return seconds;
        await clock.advance(1000);
        sightings.observe(last, clock.monotonic(), versions);
      }
    };
    assert.equal(await standstill(0, [1]), 10);
    assert.equal(await standstill(0, [1, 2]), 20);
    assert.equal(await standstill(0, [1, 2, 3, 4, 5, 6, 7]), 20);
    assert.equal(await standstill(1, [1]), 20);
    assert.equal(await standstill(3, [1]), 80);
    assert.equal(await standstill(9, [1, 2]), 480);
  });
});

describe('The two seconds after disarming', () => {
  it('count also for work that arrives within them', async () => {
    const clock = new VirtualClock();
    const source = new MemorySource();
    const logger = new RecordingLogger();
    const registry = new DeviceRegistry([{ name: 'cam', type: 'm', source }], clock, logger);
    registry.watch();
    source.availability.next(ARMED);
    source.availability.next(DISARMED);
    await clock.advance(10);
    const world = () =>
      ({
        ...{ now: momentOf(clock), paused: false, whileArmed: undefined },
        source: (name: string) => registry.sourceState(name),
      }) as unknown as World;
    const gate = () => gateOf(scanStep('cam'), 'upload-only', world());
    assert.match(gate()?.reason ?? '', /just been disarmed/);
    await clock.advance(2000);
    assert.equal(gate(), undefined);
    await registry.close();
  });
});

describe('A rule that has changed', () => {
  it('delivers nothing that it excludes by now', () => {
    const record = camRecord(A.length, { path: 'secret', local: 'cam/secret' });
    const options = { store: new MemoryStore([record]), rules: [rule({ exclude: ['secret'] })] };
    return onBench(options, async bench => {
      bench.source.put('secret', A, 1000);
      await bench.engine.pass();
      assert.equal(bench.target().files.size, 0);
      assert.equal(bench.source.reads.length, 0);
      assert.equal(state(bench, 'secret'), 'SKIPPED');
    });
  });
});
