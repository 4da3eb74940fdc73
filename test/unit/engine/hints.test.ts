import assert from 'node:assert/strict';
import { Subject } from 'rxjs';
import { soonAfter } from '../../../src/system/rx.js';
import { stateName, stateOf } from '../../../src/record/state.js';
import type { FileRecord } from '../../../src/ports.js';
import { eventually } from '../../conformance/support.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { onBench, rule } from './bench.js';

const HOUR = 3_600_000;

describe('soonAfter', () => {
  let clock: VirtualClock;
  let hints: Subject<void>;
  let looks: number[];

  beforeEach(() => {
    clock = new VirtualClock();
    hints = new Subject();
    looks = [];
    soonAfter(hints, clock).subscribe(() => looks.push(clock.monotonic()));
  });

  async function storm(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      hints.next();
      await clock.advance(50);
    }
  }

  it('makes one look of a storm of hints, when it is over', async () => {
    await storm(1000);
    assert.deepEqual(looks, []);
    await clock.advance(HOUR);
    assert.deepEqual(looks, [1150]);
  });

  it('looks now and then while a storm does not end', async () => {
    await storm(11_000);
    assert.deepEqual(looks, [5000, 10_000]);
  });

  it('leaves time between two looks', async () => {
    hints.next();
    await clock.advance(200);
    hints.next();
    await clock.advance(HOUR);
    assert.deepEqual(looks, [200, 1200]);
  });

  it('ends with the hints', async () => {
    hints.next();
    await clock.advance(200);
    hints.complete();
    await clock.advance(HOUR);
    assert.deepEqual([looks, clock.sleeping], [[200], 0]);
  });
});

const isUploaded = (record: FileRecord | undefined) =>
  record !== undefined && stateName(stateOf(record)) === 'UPLOADED';

describe('Engine, hints', () => {
  const options = { clock: new VirtualClock(), interval: HOUR, source: { hints: true } };

  it('looks at a source that says it has changed, one look at a time', () =>
    onBench(options, async ({ engine, source, record }) => {
      await engine.start();
      await eventually(async () => source.looks.length === 1);
      source.put('a.ulg', new Uint8Array(10));
      for (let hint = 0; hint < 1000; hint++) source.hints.next();
      await options.clock.advance(1000);
      await eventually(async () => isUploaded(record('a.ulg')));
      assert.equal(source.looks.length, 2);
    }));

  it('looks again when what it saw can have settled, and not before', () => {
    const clock = new VirtualClock();
    return onBench({ ...options, clock, rules: [rule({ settle: 30_000 })] }, async bench => {
      const { engine, source, record } = bench;
      await engine.start();
      await eventually(async () => source.looks.length === 1);
      source.put('a.ulg', new Uint8Array(10), clock.now());
      source.hints.next();
      await clock.advance(200);
      await eventually(async () => source.looks.length === 2);
      await clock.advance(29_000);
      assert.equal(record('a.ulg'), undefined);
      // A little later than `settle` after the second look: timers may fire early.
      await clock.advance(1_100);
      await eventually(async () => isUploaded(record('a.ulg')));
      assert.equal(source.looks.length, 3);
    });
  });
});
