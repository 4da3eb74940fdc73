import assert from 'node:assert/strict';
import { DeviceRegistry } from '../../../src/engine/devices.js';
import { Queues } from '../../../src/engine/queues.js';
import type { StepWorker } from '../../../src/engine/steps.js';
import type { Step, World } from '../../../src/engine/steps.js';
import { FileSyncError } from '../../../src/errors.js';
import type { FileRecord, Source, Target } from '../../../src/ports.js';
import { newRecord } from '../../../src/record/record.js';
import { Records } from '../../../src/record/records.js';
import { Planner } from '../../../src/rules/plan.js';
import type { Rule } from '../../../src/rules/rule.js';
import type { RetryPolicy } from '../../../src/system/back-off.js';
import { ageOf, momentOf } from '../../../src/system/moment.js';
import { MemorySource } from '../../fakes/memory-source.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { MemoryTarget } from '../../fakes/memory-target.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { rule } from './bench.js';

type Run = StepWorker['run'];

interface Options {
  readonly run: Run;
  readonly rules?: readonly Rule[];
  readonly policy?: Partial<RetryPolicy>;
  readonly connections?: number;
}

const POLICY: RetryPolicy = { baseMs: 100, ceilingMs: 1000, maxTries: Infinity, maxWaitMs: Infinity };

/** The queues on a real registry and real records; `run` stands for every worker. */
function setup({ run, rules = [rule()], policy = {}, connections = 1 }: Options) {
  const clock = new VirtualClock();
  const records = new Records(new MemoryStore(), clock, new RecordingLogger());
  const source = new MemorySource({ capabilities: { connections } });
  const ends: [string, Source | undefined, Target | undefined][] = [
    ['cam', source, undefined],
    ['cam2', new MemorySource(), undefined],
    ['ftp', undefined, new MemoryTarget()],
    ['web', undefined, new MemoryTarget()],
  ];
  const devices = ends.map(([name, from, to]) => ({
    name,
    type: 'm',
    ...(from && { source: from }),
    ...(to && { target: to }),
  }));
  const logger = new RecordingLogger();
  const registry = new DeviceRegistry(devices, clock, logger);
  const failures: string[] = [];
  const worker: StepWorker = {
    run,
    failed: ({ key }, { kind }, outcome, last) =>
      void failures.push(`${key} ${kind} ${outcome}${last ? ' last' : ''}`),
  };
  const workers = {
    scan: worker,
    recover: worker,
    fetch: worker,
    deliver: worker,
    stream: worker,
    remove: worker,
    evict: worker,
  };
  const state = { paused: false };
  const world = (retry: World['retry']): World => ({
    retry,
    now: { ...momentOf(clock), up: clock.monotonic() },
    ...{ paused: state.paused, whileArmed: undefined, vehicleArmed: registry.vehicleArmed },
    source: name => registry.sourceState(name),
    target: name => registry.targetState(name),
    sighting: () => ({ at: Infinity, writersSeen: true, isLearned: true }),
    pushed: () => false,
    exceedsLimit: () => false,
    spaceNeeded: () => false,
    together: () => undefined,
    delivered: record => record.delivered,
    age: since => ageOf(since, momentOf(clock)),
  });
  const planner = new Planner(rules);
  const tools = { records, registry, planner, workers, world, clock, logger, random: () => 1 };
  const queues = new Queues({ ...tools, policy: { ...POLICY, ...policy } });
  registry.watch();
  queues.start();
  let number = 0;
  const find = (path: string, changes: Partial<FileRecord> = {}): string => {
    const id = (++number).toString(16).padStart(12, '0');
    const found = { id, device: 'cam', path, size: 10, local: path, description: '', foundAt: 1 };
    const record = { ...newRecord(found, { ftp: path }), ...changes };
    records.apply(id, { type: 'Found', record });
    return id;
  };
  return { queues, records, registry, clock, logger, source, failures, find, state };
}

type Bench = ReturnType<typeof setup>;

/** Steps that end when the test lets them, by the path of their file. */
function stage(bench: () => Bench) {
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const nameOf = (step: Step) => bench().records.get(step.id)?.path ?? step.key;
  const run: Run = (step, signal) =>
    new Promise<void>((resolve, reject) => {
      if (step.kind === 'deliver') return;
      const name = nameOf(step);
      begun.push(name);
      ends.set(name, error => (error ? reject(error) : resolve()));
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    }).then(() => void bench().records.apply(step.id, { type: 'Fetched' }));
  const end = async (name: string, error?: Error) => {
    ends.get(name)?.(error);
    await bench().clock.advance(0);
  };
  return { begun, run, end };
}

function staged(options: Partial<Options> = {}) {
  const held: { bench?: Bench } = {};
  const scene = stage(() => held.bench as Bench);
  const bench = setup({ run: scene.run, ...options });
  held.bench = bench;
  return { ...bench, ...scene };
}

const time = (modified: number) => ({ modified });

describe('the order of a queue', () => {
  const inOrder = async (order: Rule['order'], expected: string[]) => {
    const { find, begun, end, clock } = staged({ rules: [rule({ order })] });
    find('first', time(5));
    await clock.advance(0);
    find('old', { ...time(1), size: 30 });
    find('new', { ...time(9), size: 20 });
    find('log2', { ...time(5), size: 10 });
    find('log10', { ...time(5), size: 10 });
    for (let count = 0; count < 5; count++) {
      await clock.advance(0);
      await end(begun.at(-1) ?? '');
    }
    assert.deepEqual(begun, ['first', ...expected]);
  };
  it('is newest first, and of those found together the last name first', () =>
    inOrder('newest', ['new', 'log10', 'log2', 'old']));
  it('is oldest first where the rule says so', () => inOrder('oldest', ['old', 'log2', 'log10', 'new']));
  it('is smallest first where the rule says so', () => inOrder('smallest', ['log2', 'log10', 'new', 'old']));

  it('puts what a person asked for before everything', async () => {
    const { find, begun, end, clock, records } = staged();
    find('runs', time(9));
    const old = find('old', time(1));
    find('new', time(8));
    await clock.advance(0);
    records.apply(old, { type: 'Prioritised', first: 1 });
    await end('runs');
    assert.deepEqual(begun, ['runs', 'old']);
  });

  it('makes a scan before the next transfer', async () => {
    const { find, begun, end, clock, queues } = staged();
    find('a', time(2));
    find('b', time(1));
    await clock.advance(0);
    queues.scan('cam');
    await end('a');
    assert.deepEqual(begun, ['a', 'scan cam']);
  });

  it('lets sources take turns at a target', async () => {
    const copy = { copy: { state: 'whole' } } as const;
    const sent: string[] = [];
    const bench = setup({
      run: async step => {
        const record = bench.records.get(step.id);
        sent.push(record?.device ?? '');
        const receipt = { location: '', verified: 'size' } as const;
        bench.records.apply(step.id, { type: 'Delivered', target: 'ftp', path: '', receipt });
      },
      rules: [rule(), rule({ from: 'cam2' })],
    });
    for (let age = 0; age < 4; age++) bench.find(`new${age}`, { ...copy, ...time(100 - age) });
    for (let age = 0; age < 2; age++) bench.find(`old${age}`, { ...copy, ...time(9 - age), device: 'cam2' });
    await bench.clock.advance(0);
    assert.deepEqual(sent, ['cam', 'cam2', 'cam', 'cam2', 'cam', 'cam']);
  });
});

describe('a newer file', () => {
  const transfer =
    (held: { bench?: Bench }, begun: string[]): Run =>
    (step, signal, progressed) =>
      new Promise<void>((_, reject) => {
        const name = held.bench?.records.get(step.id)?.path ?? '';
        begun.push(name);
        const advance = async () => {
          for (let position = 0; !signal.aborted; position += 1000) {
            progressed(position);
            await held.bench?.clock.sleep(1000, signal).catch(() => undefined);
          }
          reject(signal.reason as Error);
        };
        void advance();
      });

  const preempted = async (size: number, waits?: Partial<FileRecord>, scans = false) => {
    const held: { bench?: Bench } = {};
    const begun: string[] = [];
    const bench = setup({ run: transfer(held, begun), rules: [rule({ order: 'newest' })] });
    held.bench = bench;
    bench.find('long', { ...time(5), size });
    await bench.clock.advance(5_000);
    if (scans) bench.queues.scan('cam');
    if (waits) bench.find('other', waits);
    await bench.clock.advance(2_000);
    await bench.queues.stop();
    return { begun, failures: bench.failures };
  };

  it('goes before an older transfer that would take long, which is no failure of that', async () => {
    const { begun, failures } = await preempted(1_000_000, time(9));
    assert.deepEqual(begun, ['long', 'other']);
    assert.equal(failures[0], 'fetch 000000000001 cancelled retry');
  });
  it('waits for one that is over soon', async () => {
    assert.deepEqual((await preempted(20_000, time(9))).begun, ['long']);
  });
  it('is the only one that does: an older file waits', async () => {
    assert.deepEqual((await preempted(1_000_000, time(1))).begun, ['long']);
  });
  it('does so behind a scan, too, which alone would have to wait for long', async () => {
    const scan = '';
    assert.deepEqual((await preempted(1_000_000, undefined, true)).begun, ['long']);
    assert.deepEqual((await preempted(1_000_000, time(9), true)).begun, ['long', scan]);
  });
});

describe('what fails', () => {
  const failing = (error: () => FileSyncError, policy: Partial<RetryPolicy> = {}) => {
    const times: number[] = [];
    const bench: Bench = setup({
      policy,
      run: async (_step, _signal, progressed) => {
        times.push(bench.clock.monotonic());
        progressed(times.length < 3 ? 5 : 8);
        throw error();
      },
    });
    return { ...bench, times };
  };

  it('is tried again with growing pauses, which begin again only when more came across than ever', async () => {
    const { find, clock, times } = failing(() => new FileSyncError('timeout', 'slow'));
    find('a');
    await clock.advance(900);
    assert.deepEqual(times, [0, 100, 300, 400, 600]);
  });

  it('keeps a pause that the device asked for, up to an hour, and a minute at random', async () => {
    const { find, clock, times } = failing(() => new FileSyncError('busy', '503', { retryAfterMs: 1e12 }));
    find('a');
    await clock.advance(2 * 3_600_000);
    assert.deepEqual(times, [0, 3_660_000]);
  });

  it('permanently is said once, as given up', async () => {
    const { find, clock, failures, times } = failing(() => new FileSyncError('rejected', 'no'));
    find('a');
    await clock.advance(0);
    assert.deepEqual([failures, times], [['fetch 000000000001 rejected failed last'], [0]]);
  });

  it('too often in one pass is left for the next one, whatever else changes, unless a person asks', async () => {
    const { find, clock, failures, records, queues } = failing(() => new FileSyncError('timeout', 'slow'), {
      maxTries: 2,
    });
    const id = find('a');
    await clock.advance(10_000);
    await queues.idle();
    records.apply(id, { type: 'FetchFailed', reason: 'x', outcome: 'retry' });
    await clock.advance(10_000);
    assert.equal(failures.filter(one => one.endsWith('last')).length, 1);
    records.apply(id, { type: 'Retried' });
    await clock.advance(10_000);
    assert.equal(failures.filter(one => one.endsWith('last')).length, 2);
  });

  it('with a device that has just gone is not tried with one file after another', async () => {
    const { find, clock, times } = failing(() => new FileSyncError('unavailable', 'unplugged'));
    for (const name of ['a', 'b', 'c']) find(name);
    await clock.advance(50);
    assert.deepEqual(times, [0]);
  });

  it('without a word does not run in circles', async () => {
    let runs = 0;
    const { find, clock } = setup({ run: async () => void runs++ });
    find('a');
    await clock.advance(250);
    assert.equal(runs, 2);
  });
});

describe('a gate', () => {
  const availability = ({ source }: Bench) => source.availability;
  const here = { available: true, reason: '', armed: false };

  it('that closes for absence lets what runs end, and nothing begin', async () => {
    const scene = staged();
    scene.find('a', time(2));
    scene.find('b', time(1));
    await scene.clock.advance(0);
    availability(scene).next({ ...here, available: false });
    await scene.end('a');
    assert.deepEqual(scene.begun, ['a']);
    availability(scene).next(here);
    await scene.clock.advance(0);
    assert.deepEqual(scene.begun, ['a', 'b']);
  });

  it('that closes for arming cuts off what runs; it is taken up again two seconds after disarming', async () => {
    const scene = staged();
    scene.find('a');
    await scene.clock.advance(0);
    availability(scene).next({ ...here, armed: true });
    await scene.clock.advance(0);
    assert.deepEqual(scene.failures, ['fetch 000000000001 cancelled retry']);
    availability(scene).next(here);
    scene.find('b');
    await scene.clock.advance(1_999);
    assert.deepEqual(scene.begun, ['a']);
    await scene.clock.advance(1);
    assert.equal(scene.begun.length, 2);
  });

  it('of a vehicle that was switched off while armed opens when it is there again', async () => {
    const scene = staged();
    availability(scene).next({ ...here, armed: true });
    availability(scene).next({ available: false, reason: 'no heartbeat', armed: true });
    assert.equal(scene.registry.vehicleArmed, false);
    availability(scene).next(here);
    await scene.clock.advance(2_000);
    scene.find('a');
    await scene.clock.advance(0);
    assert.deepEqual(scene.begun, ['a']);
  });

  it('that stays closed in one pass is waited for once, whatever stands behind it', async () => {
    const scene = staged({ policy: { maxWaitMs: 1000 } });
    availability(scene).next({ available: false, reason: 'no heartbeat', armed: false });
    for (const name of ['a', 'b', 'c']) scene.find(name);
    await scene.clock.advance(1000);
    await scene.queues.idle();
    assert.equal(scene.clock.monotonic(), 1000);
    const [wait] = scene.queues.waits(scene.records.get('000000000001') as FileRecord);
    assert.deepEqual([wait?.stage, wait?.code, wait?.reason], ['fetch', 'offline', 'no heartbeat']);
  });

  it('is gone through again for what has come, not for everything that waits', async () => {
    const scene = staged({ connections: 2 });
    availability(scene).next({ available: false, reason: 'away', armed: false });
    for (let count = 0; count < 5; count++) scene.find(`f${count}`, { size: 1_000_000 });
    await scene.clock.advance(0);
    assert.deepEqual(scene.begun, []);
    availability(scene).next(here);
    await scene.clock.advance(0);
    assert.equal(scene.begun.length, 2);
  });
});

describe('a forgotten file', () => {
  it('is not fetched any more, and what runs for it is cut off', async () => {
    const scene = staged();
    const id = scene.find('a');
    await scene.clock.advance(0);
    await scene.records.forget(id);
    await scene.clock.advance(0);
    assert.deepEqual(scene.failures, ['fetch 000000000001 cancelled retry']);
    assert.equal(scene.queues.pending.value.total, 0);
  });
});

describe('at level debug', () => {
  it('a step is logged when it begins, fails, is attempted again and ends', async () => {
    const { find, end, clock, logger } = staged();
    find('a');
    await clock.advance(0);
    await end('a', new FileSyncError('timeout', 'no answer', { origin: 'source' }));
    await clock.advance(100);
    await end('a');
    const step = 'fetch 000000000001 (cam:a)';
    assert.deepEqual(
      logger.messages('debug').filter(line => line.startsWith(step)),
      [
        `${step}: begun`,
        `${step}: failed (timeout, source): no answer (will retry in 100 ms)`,
        `${step}: begun`,
        `${step}: ended after 0 ms`,
      ],
    );
  });

  it('a gate is logged when it closes, when its reason changes and when it opens', async () => {
    const { find, clock, logger, source, queues, state } = staged();
    source.availability.next({ available: true, armed: true, reason: 'here' });
    find('a');
    find('b');
    await clock.advance(0);
    state.paused = true;
    queues.gatesChanged();
    await clock.advance(0);
    state.paused = false;
    source.availability.next({ available: true, armed: false, reason: 'here' });
    await clock.advance(2_000);
    const gate = 'gate cam -> local (files of cam, while_armed: upload-only)';
    assert.deepEqual(
      logger.messages('debug').filter(line => /^gate|armed|quiet/.test(line)),
      [
        'cam: armed',
        `${gate}: closed: the vehicle is armed`,
        `${gate}: closed: paused`,
        'cam: disarmed, quiet: 2000 ms',
        `${gate}: closed: the vehicle has just been disarmed`,
        'cam: the quiet time after disarming is over',
        `${gate}: open`,
      ],
    );
  });
});
