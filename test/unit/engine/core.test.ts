import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fetchRefusal } from '../../../src/api/edit.js';
import { stateName, stateOf } from '../../../src/record/state.js';
import type { FileRecord } from '../../../src/ports.js';
import { checksumOf, eventually, sample } from '../../conformance/support.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { makeBench, onBench, rule, type Bench, type BenchOptions } from './bench.js';

const A = sample(10_000, 1);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const recordOf = (bench: Bench, path: string) => bench.record(path) as FileRecord;
const state = (bench: Bench, path: string) => stateName(stateOf(recordOf(bench, path)));

describe('A checksum that never matches', () => {
  it('gives the file up after three attempts, until a person says otherwise', () =>
    onBench({ source: { capabilities: { checksum: 'crc32-mavlink' } } }, async bench => {
      let isWrong = true;
      const checksum = bench.source.checksum.bind(bench.source);
      bench.source.checksum = async (file, signal) =>
        isWrong ? checksumOf('crc32-mavlink', sample(5)) : checksum(file, signal);
      bench.source.put('a', A);
      await bench.engine.start();
      await eventually(async () => bench.records().length === 1 && state(bench, 'a') === 'FAILED');
      assert.equal(bench.source.reads.length, 3);
      assert.match(recordOf(bench, 'a').reason ?? '', /3 times: .*filesync retry/);
      isWrong = false;
      await bench.engine.records.commit(recordOf(bench, 'a').id, { type: 'Retried' });
      await eventually(async () => state(bench, 'a') === 'UPLOADED');
      assert.equal(bench.source.reads.length, 4);
    }));
});

/** Moves time on in steps until the condition holds; what runs on real files gets its turn. */
async function until(clock: VirtualClock, condition: () => boolean, step = 100): Promise<void> {
  await eventually(async () => {
    if (!condition()) await clock.advance(step);
    return condition();
  });
}

describe('Ages, when the clock is set', () => {
  const policy = { maxWaitMs: Infinity, maxTries: Infinity };
  const rules = [rule({ after: { source: 'keep', local: { kind: 'age', ms: 2 * HOUR } } })];

  it('a copy is not old because the machine, without a clock of its own, started in 1970', async () => {
    const clock = new VirtualClock(0);
    clock.synchronised = false;
    await onBench({ clock, rules, interval: HOUR, policy }, async bench => {
      const copy = join(bench.folder, 'cam/a');
      bench.source.put('a', A);
      await bench.engine.start();
      await until(clock, () => bench.records().length === 1 && state(bench, 'a') === 'UPLOADED');
      clock.setWall(Date.UTC(2026, 0, 1));
      clock.synchronised = true;
      await clock.advance(5 * MINUTE);
      assert.equal(recordOf(bench, 'a').copy.state, 'whole');
      assert.ok(existsSync(copy));
      assert.equal(new Date(recordOf(bench, 'a').delivered?.at ?? 0).getUTCFullYear(), 2026);
      await clock.advance(HOUR);
      assert.equal(recordOf(bench, 'a').copy.state, 'whole');
      await until(clock, () => recordOf(bench, 'a').copy.state === 'evicted', MINUTE);
      assert.equal(existsSync(copy), false);
    });
  });

  it('nor because it starts again, in 1970, with the copies of an earlier boot', async () => {
    const clock = new VirtualClock();
    const first = await makeBench({ clock, rules, interval: HOUR, policy });
    first.source.put('a', A, 1000);
    await first.engine.start();
    await until(clock, () => first.records().length === 1 && state(first, 'a') === 'UPLOADED');
    await first.engine.stop();
    clock.reboot(0);
    clock.synchronised = false;
    const options: BenchOptions = { clock, rules, policy, interval: HOUR, folder: first.folder };
    await onBench({ ...options, store: (first.store as MemoryStore).reopened() }, async again => {
      again.source.put('a', A, 1000);
      await again.engine.start();
      await clock.advance(5 * MINUTE);
      // An hour after it was delivered.
      clock.setWall(Date.UTC(2026, 0, 1, 1));
      clock.synchronised = true;
      await clock.advance(5 * MINUTE);
      assert.equal(recordOf(again, 'a').copy.state, 'whole');
      const year = (at: number) => new Date(at).getUTCFullYear();
      assert.equal(year(recordOf(again, 'a').foundAt), 2026, 'its times were right');
    });
  });
});

describe('A long transfer', () => {
  it('makes way for a newer file, and goes on from its checkpoint', async () => {
    const clock = new VirtualClock();
    const piece = 1000;
    let isSlow = true;
    // A piece a second: the large file takes minutes.
    const before = async (operation: string, path: string) => {
      if (operation === 'read' && path === 'large' && isSlow) await clock.sleep(1000);
    };
    const capabilities = { connections: 1 };
    const options: BenchOptions = { clock, interval: 1000, source: { before, piece, capabilities } };
    await onBench({ ...options, policy: { maxWaitMs: Infinity, maxTries: Infinity } }, async bench => {
      const large = sample(200 * piece, 2);
      bench.source.put('large', large, 1000);
      await bench.engine.start();
      await until(clock, () => bench.source.reads.length === 1);
      bench.source.put('newer', A, 2000);
      await until(clock, () => bench.record('newer') !== undefined && state(bench, 'newer') === 'UPLOADED');
      assert.notEqual(state(bench, 'large'), 'UPLOADED');
      isSlow = false;
      await until(clock, () => state(bench, 'large') === 'UPLOADED');
      const [first, ...later] = bench.source.reads.filter(({ path }) => path === 'large');
      assert.equal(first?.offset, 0);
      assert.ok(later.length > 0 && later.every(({ offset }) => offset >= piece), 'it began again');
      assert.deepEqual(bench.target().files.get('cam/large'), Buffer.from(large));
    });
  });
});

describe('A file that one rule wants, and another one only when it is asked for', () => {
  const after = { source: 'keep', local: { kind: 'delete' } } as const;
  const rules = [rule({ to: ['review'], after }), rule({ to: ['archive'], fetch: 'asked', after })];
  const targets = { review: {}, archive: {} };

  it('goes to the targets of the other one, too, when a person asks for it', () =>
    onBench({ rules, targets }, async ({ engine, source, record, target }) => {
      source.put('a', A, 1000);
      await engine.start();
      await eventually(async () => record('a')?.copy.state === 'evicted');
      assert.deepEqual(
        [stateName(stateOf(record('a') as FileRecord)), target('archive').writes],
        ['UPLOADED', []],
      );
      const { id = '' } = record('a') ?? {};
      assert.equal(fetchRefusal(record('a') as FileRecord), undefined);
      await engine.records.commit(id, { type: 'Asked' });
      await eventually(async () => record('a')?.targets.archive?.state === 'done');
      assert.deepEqual([target('review').writes.length, target('archive').writes.length], [1, 1]);
      assert.match(fetchRefusal(record('a') as FileRecord) ?? '', /only SKIPPED files/);
    }));

  it('goes there when its rule wants all files by now', async () => {
    const store = new MemoryStore();
    await onBench({ rules, targets, store }, async ({ engine, source }) => {
      source.put('a', A, 1000);
      await engine.pass();
    });
    const all = rules.map(one => ({ ...one, fetch: 'all' as const }));
    await onBench({ rules: all, targets, store: store.reopened() }, async ({ engine, source, target }) => {
      source.put('a', A, 1000);
      await engine.pass();
      assert.deepEqual([target('review').writes.length, target('archive').writes.length], [0, 1]);
    });
  });
});

describe('Old records', () => {
  it('move to the archive at the end of a pass, too', () =>
    onBench(
      { keepRecords: 0, rules: [rule({ after: { source: 'delete', local: { kind: 'delete' } } })] },
      async bench => {
        bench.source.put('a', A);
        await bench.engine.pass();
        assert.deepEqual(bench.records(), []);
        const archived: FileRecord[] = [];
        for await (const record of bench.engine.records.archived()) archived.push(record);
        assert.deepEqual(archived.map(stateOf).map(stateName), ['REMOVED']);
      },
    ));

  it('share their ids with no later file that looks the same', async () => {
    const after = { source: 'delete', local: { kind: 'delete' } } as const;
    const seen: FileRecord[] = [];
    let store = new MemoryStore();
    for (const pass of [1, 2, 3]) {
      store = store.reopened();
      await onBench({ keepRecords: 0, rules: [rule({ after })], store }, async bench => {
        bench.source.put('a', sample(100, pass), 1000);
        await bench.engine.pass();
      });
    }
    for await (const record of store.archived()) seen.push(record);
    assert.equal(new Set(seen.map(({ id }) => id)).size, 3);
  });
});
