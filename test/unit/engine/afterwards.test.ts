import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { FileSyncError } from '../../../src/errors.js';
import { isDelivered, reasonOf, stateName, stateOf } from '../../../src/record/state.js';
import { type FileRecord } from '../../../src/ports.js';
import type { Rule } from '../../../src/rules/rule.js';
import { checksumOf, eventually, sample } from '../../conformance/support.js';
import { LateStore } from '../../fakes/late-store.js';
import { camRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { systemClock } from '../../../src/system/clock.js';
import { onBench, rule, type Bench, type BenchOptions } from './bench.js';

const A = sample(10_000, 1);
const deleting = (local: Rule['after']['local']) => rule({ after: { source: 'delete', local } });
/** Of a clock that is set. */
const TIME = Date.UTC(2026, 0, 1);
const KEEP = { kind: 'keep' } as const;

describe('What is deleted afterwards', () => {
  it('goes from the source only when the record of its delivery is on disk', async () => {
    const store = new LateStore();
    let looked = 0;
    const before = (operation: string) => {
      if (operation !== 'remove') return;
      looked += 1;
      store.assertDelivered();
    };
    await onBench({ store, rules: [deleting(KEEP)], source: { before } }, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.equal(bench.record('a.ulg')?.reason, undefined);
      assert.deepEqual([bench.source.has('a.ulg'), looked], [false, 1]);
    });
  });

  it('goes from local storage only then, too', async () => {
    const store = new LateStore();
    await onBench(
      { store, rules: [rule({ after: { source: 'keep', local: { kind: 'delete' } } })] },
      async bench => {
        const remove = bench.local.remove.bind(bench.local);
        let looked = 0;
        bench.local.remove = async name => {
          looked += 1;
          store.assertDelivered();
          await remove(name);
        };
        bench.source.put('a.ulg', A);
        await bench.engine.pass();
        assert.equal(looked, 1);
        assert.equal(bench.record('a.ulg')?.copy.state, 'evicted');
      },
    );
  });

  const delivered = (changes: Partial<FileRecord> = {}): FileRecord =>
    camRecord(A.length, {
      copy: { state: 'evicted' },
      sha256: createHash('sha256').update(A).digest('hex'),
      delivered: { at: 1, boot: 'earlier', up: 1, synced: true },
      targets: { ftp: { state: 'done', path: 'cam/a.ulg', verified: 'size' } },
      ...changes,
    });
  const crc = { capabilities: { checksum: 'crc32-mavlink' } } as const;

  async function afterwards(
    record: FileRecord,
    options: BenchOptions,
    test: (bench: Bench) => Promise<void>,
  ): Promise<void> {
    const rules = [deleting({ kind: 'delete' })];
    await onBench({ rules, source: crc, ...options, store: new MemoryStore([record]) }, async bench => {
      bench.source.put('a.ulg', A, 1000);
      bench.target().files.set('cam/a.ulg', Buffer.from(A));
      await test(bench);
    });
  }

  it('goes from the source also when the local copy went first, by what the source had said of it', () =>
    afterwards(delivered({ proof: checksumOf('crc32-mavlink', A) }), {}, async bench => {
      await bench.engine.pass();
      assert.equal(bench.source.has('a.ulg'), false);
      assert.equal(stateName(stateOf(bench.record('a.ulg') as FileRecord)), 'REMOVED');
    }));

  it('stays there when what the source had said is no longer known', () =>
    afterwards(delivered(), {}, async bench => {
      await bench.engine.pass();
      assert.equal(bench.source.has('a.ulg'), true);
      assert.match(
        reasonOf(bench.record('a.ulg') as FileRecord),
        /local copy is gone, so the file cannot be compared/,
      );
    }));

  it('stays there when the source holds other bytes of the same size and time', () =>
    afterwards(delivered({ proof: checksumOf('crc32-mavlink', A), modified: TIME }), {}, async bench => {
      bench.source.put('a.ulg', sample(A.length, 4), TIME);
      await bench.engine.pass();
      assert.equal(bench.source.has('a.ulg'), true);
      assert.match(reasonOf(bench.record('a.ulg') as FileRecord), /other bytes/);
    }));

  it('is not looked for when another program has removed it', () =>
    afterwards(delivered(), {}, async bench => {
      bench.source.take('a.ulg');
      await bench.engine.pass();
      assert.equal(stateName(stateOf(bench.record('a.ulg') as FileRecord)), 'UPLOADED');
    }));

  it('never goes while a target has not got it, whatever the retention', () =>
    onBench(
      {
        rules: [{ ...deleting({ kind: 'age', ms: 0 }), to: ['ftp', 'web'] }],
        targets: { ftp: {}, web: { before: operation => void (operation === 'write' && refuse()) } },
        policy: { maxTries: 1 },
      },
      async bench => {
        bench.source.put('a.ulg', A);
        await bench.engine.pass();
        assert.equal(bench.record('a.ulg')?.copy.state, 'whole');
        assert.equal(bench.source.has('a.ulg'), true);
        assert.deepEqual(await bench.copy('cam/a.ulg'), Buffer.from(A));
      },
    ));

  describe('where the source keeps files until it needs their space', () => {
    const names = ['z.ulg', 'm.ulg', 'a.ulg'];
    /** Three delivered files of 10,000 bytes, the first name the oldest, and space for half of one too few. */
    const whenShort = (before: (operation: string, path: string) => void, expected: readonly string[]) =>
      onBench(
        {
          rules: [rule({ after: { source: { keepFree: 12_000 }, local: KEEP } })],
          source: { before },
          interval: 5,
        },
        async ({ engine, source, records }) => {
          let short = false;
          const left = () => names.filter(name => source.has(name));
          const space = async () => ({
            free: short ? 7_000 + 10_000 * (3 - left().length) : 50_000,
            total: 60_000,
          });
          Object.assign(source, { space });
          for (const name of names.toReversed()) source.put(name, A, 1000 + names.indexOf(name));
          await engine.start();
          await eventually(async () => records().filter(isDelivered).length === names.length);
          short = true;
          await eventually(async () => left().length < names.length);
          assert.deepEqual(left(), expected);
        },
      );

    it('goes when it is the oldest, in whatever order they were listed', () =>
      whenShort(() => undefined, ['m.ulg', 'a.ulg']));

    it('goes in a single pass too, however late the source reports its space', () => {
      const rules = [rule({ after: { source: { keepFree: 12_000 }, local: { kind: 'delete' } } })];
      return afterwards(delivered({ proof: checksumOf('crc32-mavlink', A) }), { rules }, async bench => {
        const space = async () => {
          await systemClock.sleep(50);
          return { free: 7_000, total: 60_000 };
        };
        Object.assign(bench.source, { space });
        await bench.engine.pass();
        assert.equal(bench.source.has('a.ulg'), false);
      });
    });

    it('goes when an older one cannot be removed', () =>
      whenShort(
        (operation, path) => {
          if (operation !== 'remove' || path !== 'z.ulg') return;
          throw new FileSyncError('denied', 'it is read-only', { temporary: false });
        },
        ['z.ulg', 'a.ulg'],
      ));
  });
});

function refuse(): never {
  throw new Error('no');
}
