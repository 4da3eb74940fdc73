import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Clock } from '../../../src/ports.js';
import { readBootId } from '../../../src/system/boot-id.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

interface Bench {
  readonly clock: Clock;
  /** Sees to it that time goes on by that many ms. */
  readonly pass: (ms: number) => Promise<void>;
}

const virtualBench = (): Bench => {
  const clock = new VirtualClock();
  return { clock, pass: ms => clock.advance(ms) };
};

function clockConformance(name: string, setup: () => Bench): void {
  describe(name, () => {
    it('a sleep lasts at least its time', async () => {
      const { clock, pass } = setup();
      const lasted = Array.from({ length: 200 }, async (_, index) => {
        const [start, ms] = [clock.monotonic(), 10 + index / 7];
        await clock.sleep(ms);
        return clock.monotonic() - start - ms;
      });
      await pass(50);
      assert.deepEqual(
        (await Promise.all(lasted)).filter(more => more < 0),
        [],
      );
    });

    it('a sleep of no time, or less, ends', async () => {
      const { clock, pass } = setup();
      await Promise.all([clock.sleep(0), clock.sleep(-5), pass(0)]);
    });

    it('a longer sleep ends after a shorter one', async () => {
      const { clock, pass } = setup();
      const order: number[] = [];
      const sleeps = [60, 1].map(async ms => order.push(await clock.sleep(ms).then(() => ms)));
      await Promise.all([...sleeps, pass(60)]);
      assert.deepEqual(order, [1, 60]);
    });

    it('a sleep is cancelled by its signal, at once or later', async () => {
      const { clock } = setup();
      const abort = new AbortController();
      const sleeping = failsWith(() => clock.sleep(1e9, abort.signal), 'cancelled');
      abort.abort();
      await sleeping;
      await failsWith(() => clock.sleep(0, abort.signal), 'cancelled');
    });

    it('a sleep longer than a timer can be does not end early', async () => {
      const { clock, pass } = setup();
      const abort = new AbortController();
      const outcome = clock.sleep(2 ** 31 + 1000, abort.signal).then(
        () => 'ended',
        () => 'cancelled',
      );
      await Promise.all([clock.sleep(20), pass(20)]);
      abort.abort();
      assert.equal(await outcome, 'cancelled');
    });
  });
}

clockConformance('system clock', () => ({ clock: systemClock, pass: async () => undefined }));
clockConformance('virtual clock', virtualBench);

describe('system clock, besides', () => {
  it('counts from the boot, also in the next process', async () => {
    const module = pathToFileURL(join(import.meta.dirname, '../../../src/system/clock.ts')).href;
    const script = `console.log((await import(${JSON.stringify(module)})).systemClock.monotonic())`;
    const args = ['--import=tsx', '--input-type=module', '--eval', script];
    const before = systemClock.monotonic();
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const [between, after] = [Number(stdout), systemClock.monotonic()];
    assert.ok(before < between && between < after, `${before} ${between} ${after}`);
    // The kernel's other clock also counts the time in which the machine was suspended.
    const uptime = Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]);
    assert.ok(before / 1000 <= uptime + 1);
  });

  it('names the boot by the beginning of its id', async () => {
    const id = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    assert.match(systemClock.boot, /^[0-9a-f]{8}$/);
    assert.ok(id.startsWith(systemClock.boot));
    assert.equal(readBootId(), id.trim());
    assert.equal(readBootId('/nowhere/boot_id'), '');
  });

  it('knows whether it is right without waiting', () => {
    assert.equal(typeof systemClock.synchronised, 'boolean');
  });
});

describe('virtual clock, besides', () => {
  it('starts what a sleeper starts before it wakes the next', async () => {
    const clock = new VirtualClock(1000);
    const times: number[] = [];
    const ticker = async () => {
      for (let tick = 0; tick < 3; tick++) {
        await clock.sleep(10);
        times.push(clock.now());
      }
    };
    const done = ticker();
    await clock.advance(35);
    await done;
    assert.deepEqual(times, [1010, 1020, 1030]);
    assert.deepEqual([clock.now(), clock.monotonic()], [1035, 35]);
  });

  it('reports the number of sleeps and the next wake; the wall clock can be set alone', async () => {
    const clock = new VirtualClock();
    assert.equal(clock.nextWake, undefined);
    const sleeps = [clock.sleep(50), clock.sleep(20)];
    assert.deepEqual([clock.sleeping, clock.nextWake], [2, 20]);
    clock.setWall(5);
    assert.deepEqual([clock.now(), clock.monotonic()], [5, 0]);
    await clock.advance(50);
    await Promise.all(sleeps);
    assert.equal(clock.sleeping, 0);
  });

  it('reboots: another boot, monotonic time from 0, the wall clock as it was or as it is set', async () => {
    const clock = new VirtualClock(1000);
    const sleeping = clock.sleep(30);
    await clock.advance(10);
    const { boot } = clock;
    clock.reboot();
    assert.notEqual(clock.boot, boot);
    assert.deepEqual([clock.now(), clock.monotonic(), clock.nextWake], [1010, 0, 20]);
    await clock.advance(20);
    await sleeping;
    assert.deepEqual([clock.now(), clock.monotonic()], [1030, 20]);
    clock.reboot(5);
    assert.deepEqual([clock.now(), clock.monotonic()], [5, 0]);
  });
});
