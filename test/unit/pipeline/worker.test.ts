import assert from 'node:assert/strict';
import { BehaviorSubject, filter, firstValueFrom } from 'rxjs';
import { FileSyncError } from '../../../src/errors.js';
import type { Gate } from '../../../src/pipeline/gate.js';
import type { RetryPolicy } from '../../../src/pipeline/retry-policy.js';
import { Worker, type Task, type Work } from '../../../src/pipeline/worker.js';
import { systemClock } from '../../../src/system/clock.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const OPEN: Gate = { open: true, reason: '', interrupts: false };
const AWAY: Gate = { open: false, reason: 'away', interrupts: false };
const ARMED: Gate = { open: false, reason: 'armed', interrupts: true };
const policy: RetryPolicy = { baseMs: 100, ceilingMs: 1000, maxTries: Infinity, patienceMs: Infinity };

type Run = Work<Task>['run'];

function setup(run: Run, options: { policy?: Partial<RetryPolicy>; concurrency?: number } = {}) {
  const gate = new BehaviorSubject<Gate>(OPEN);
  const clock = new VirtualClock();
  const failures: { key: string; kind: string; final: boolean }[] = [];
  const work: Work<Task> = {
    lane: () => ({ key: 'lane', concurrency: options.concurrency ?? 1, gate }),
    run,
    failed: async ({ key }, { kind }, final) => void failures.push({ key, kind, final }),
  };
  const tools = {
    policy: { ...policy, ...options.policy },
    clock,
    logger: new RecordingLogger(),
    random: () => 1,
  };
  return { worker: new Worker(work, tools), gate, clock, failures };
}

const idle = (worker: Worker<Task>) => firstValueFrom(worker.pending.pipe(filter(count => count === 0)));
const pending = (worker: Worker<Task>) => firstValueFrom(worker.pending);
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((_, reject) =>
    signal.addEventListener('abort', () => reject(new FileSyncError('cancelled', 'cut'))),
  );

describe('Worker', () => {
  it('runs tasks in order, never more at once than the lane bears', async () => {
    const seen: string[] = [];
    let running = 0;
    const { worker } = setup(
      async ({ key }) => {
        assert.ok(++running <= 2);
        await systemClock.sleep(1);
        running--;
        seen.push(key);
      },
      { concurrency: 2 },
    );
    for (const key of ['a', 'b', 'c', 'd']) worker.add({ key });
    await idle(worker);
    assert.deepEqual(seen, ['a', 'b', 'c', 'd']);
  });

  it('queues a task once, and looks again at one that was added while it ran', async () => {
    let runs = 0;
    const { worker } = setup(async ({ key }) => {
      runs += 1;
      if (runs === 1) worker.add({ key });
    });
    worker.add({ key: 'a' });
    await idle(worker);
    assert.equal(runs, 2);
  });

  it('tries temporary failures again with growing pauses, and lets others pass meanwhile', async () => {
    const times: number[] = [];
    const bench = setup(async ({ key }) => {
      if (key === 'good') return;
      times.push(bench.clock.monotonic());
      if (times.length < 4) throw new FileSyncError('timeout', 'slow');
    });
    bench.worker.add({ key: 'bad' });
    bench.worker.add({ key: 'good' });
    await bench.clock.advance(50);
    assert.equal(await pending(bench.worker), 1);
    await bench.clock.advance(10_000);
    assert.deepEqual(times, [0, 100, 300, 700]);
    assert.equal(await pending(bench.worker), 0);
    assert.ok(bench.failures.every(({ final }) => !final));
  });

  it('does not try task after task at a device that has just gone', async () => {
    const tried: string[] = [];
    let there = false;
    const { worker, gate, clock, failures } = setup(async ({ key }) => {
      tried.push(key);
      if (!there) throw new FileSyncError('unavailable', 'unplugged');
    });
    for (const key of ['a', 'b', 'c']) worker.add({ key });
    await systemClock.sleep(5);
    assert.deepEqual(tried, ['a']);
    gate.next(AWAY);
    await systemClock.sleep(5);
    assert.deepEqual(tried, ['a']);
    there = true;
    gate.next(OPEN);
    await clock.advance(200);
    await idle(worker);
    assert.deepEqual(tried.toSorted(), ['a', 'a', 'b', 'c']);
    assert.equal(failures.length, 1);
  });

  it('starts the pauses anew when a try got further than all before, not when the same bytes went once more', async () => {
    const times: number[] = [];
    const bench = setup(async (_task, _signal, progressed) => {
      times.push(bench.clock.monotonic());
      progressed(times.length < 3 ? 10 : 20);
      if (times.length < 5) throw new FileSyncError('timeout', 'slow');
    });
    bench.worker.add({ key: 'a' });
    await bench.clock.advance(10_000);
    assert.deepEqual(times, [0, 100, 300, 400, 600]);
  });

  it('keeps a pause that the device asked for', async () => {
    const times: number[] = [];
    const bench = setup(async () => {
      times.push(bench.clock.monotonic());
      if (times.length < 2) throw new FileSyncError('busy', '503', { retryAfterMs: 5000 });
    });
    bench.worker.add({ key: 'a' });
    await bench.clock.advance(10_000);
    assert.deepEqual(times, [0, 5000]);
  });

  it('obeys no device that asks for more than a day', async () => {
    const times: number[] = [];
    const bench = setup(async () => {
      times.push(bench.clock.monotonic());
      if (times.length < 2) throw new FileSyncError('busy', '503', { retryAfterMs: 1e12 });
    });
    bench.worker.add({ key: 'a' });
    await bench.clock.advance(25 * 3_600_000);
    assert.deepEqual(times, [0, 24 * 3_600_000]);
  });

  it('leaves for another run what has to pause for longer than its patience', async () => {
    const bench = setup(
      async () => {
        throw new FileSyncError('busy', '503', { retryAfterMs: 5000 });
      },
      { policy: { patienceMs: 4999 } },
    );
    bench.worker.add({ key: 'a' });
    await bench.clock.advance(1);
    assert.deepEqual(bench.failures, [{ key: 'a', kind: 'busy', final: true }]);
  });

  it('gives up at once when the failure is permanent', async () => {
    const { worker, failures } = setup(async () => {
      throw new FileSyncError('rejected', 'no');
    });
    worker.add({ key: 'a' });
    await idle(worker);
    assert.deepEqual(failures, [{ key: 'a', kind: 'rejected', final: true }]);
  });

  it('leaves what fails too often for another run, where the policy says so', async () => {
    const bench = setup(
      async () => {
        throw new FileSyncError('timeout', 'slow');
      },
      { policy: { maxTries: 3 } },
    );
    bench.worker.add({ key: 'a' });
    await bench.clock.advance(10_000);
    assert.deepEqual(
      bench.failures.map(({ final }) => final),
      [false, false, true],
    );
    assert.equal(await pending(bench.worker), 0);
  });

  it('does not take up again in this run what it left for another one, unless it is asked for', async () => {
    const policy = { maxTries: 1 };
    const { worker, failures } = setup(
      async () => {
        throw new FileSyncError('timeout', 'slow');
      },
      { policy },
    );
    for (let round = 0; round < 3; round++) {
      worker.add({ key: 'a' });
      await idle(worker);
    }
    assert.equal(failures.length, 1);
    worker.ask({ key: 'a' });
    await idle(worker);
    assert.equal(failures.length, 2);
  });

  it('waits at a closed gate, and does not interrupt what runs when the device merely goes away', async () => {
    const seen: string[] = [];
    let release = () => {};
    const { worker, gate } = setup(async ({ key }) => {
      seen.push(key);
      await new Promise<void>(resolve => (release = resolve));
    });
    worker.add({ key: 'a' });
    worker.add({ key: 'b' });
    gate.next(AWAY);
    await systemClock.sleep(1);
    release();
    await firstValueFrom(worker.pending.pipe(filter(count => count === 1)));
    assert.deepEqual(seen, ['a']);
    gate.next(OPEN);
    await systemClock.sleep(1);
    assert.deepEqual(seen, ['a', 'b']);
    release();
    await idle(worker);
  });

  it('cuts off what runs when the gate interrupts, and takes it up again without counting a failure', async () => {
    let runs = 0;
    const { worker, gate, failures } = setup(async (_task, signal) => {
      if (++runs === 1) await untilAborted(signal);
    });
    worker.add({ key: 'a' });
    await systemClock.sleep(1);
    gate.next(ARMED);
    await systemClock.sleep(1);
    assert.equal(runs, 1);
    gate.next(OPEN);
    await idle(worker);
    assert.equal(runs, 2);
    assert.deepEqual(failures, [{ key: 'a', kind: 'cancelled', final: false }]);
  });

  it('loses patience once per lane, not once per task', async () => {
    const bench = setup(async () => assert.fail('ran'), { policy: { patienceMs: 1000 } });
    bench.gate.next(AWAY);
    for (const key of ['a', 'b', 'c']) bench.worker.add({ key });
    await bench.clock.advance(1000);
    await bench.clock.advance(0);
    await idle(bench.worker);
    assert.equal(bench.clock.monotonic(), 1000);
    assert.deepEqual(
      bench.failures.map(({ kind, final }) => `${kind} ${final}`),
      ['unavailable true', 'unavailable true', 'unavailable true'],
    );
  });

  it('forgets a removed task and cuts it off', async () => {
    const { worker } = setup((_task, signal) => untilAborted(signal));
    worker.add({ key: 'a' });
    await systemClock.sleep(1);
    worker.remove('a');
    await idle(worker);
  });

  it('begins a removed task that is added again only when its former run has ended', async () => {
    const events: string[] = [];
    let letEnd = (): void => undefined;
    const { worker } = setup(
      async (_task, signal) => {
        events.push('begins');
        if (events.length > 1) return;
        await untilAborted(signal).catch(() => undefined);
        await new Promise<void>(resolve => (letEnd = resolve));
        events.push('ends');
      },
      { concurrency: 2 },
    );
    worker.add({ key: 'a' });
    await systemClock.sleep(1);
    worker.remove('a');
    worker.add({ key: 'a' });
    await systemClock.sleep(5);
    letEnd();
    await idle(worker);
    assert.deepEqual(events, ['begins', 'ends', 'begins']);
  });

  it('stops: cuts off what runs, drops what waits, takes nothing new', async () => {
    let runs = 0;
    const bench = setup(async ({ key }, signal) => {
      runs += 1;
      if (key === 'fails') throw new FileSyncError('timeout', 'slow');
      await untilAborted(signal);
    });
    for (const key of ['fails', 'runs', 'waits']) bench.worker.add({ key });
    await bench.clock.advance(1);
    await bench.worker.stop();
    bench.worker.add({ key: 'late' });
    assert.equal(await pending(bench.worker), 0);
    assert.equal(runs, 2);
  });
});
