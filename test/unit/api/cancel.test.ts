import assert from 'node:assert/strict';
import { DatabaseApi } from '../../../src/api/database-api.js';
import type { FileRecord } from '../../../src/ports.js';
import { reasonOf, stateName, stateOf } from '../../../src/record/state.js';
import { systemClock } from '../../../src/system/clock.js';
import { eventually, failsWith, sample } from '../../conformance/support.js';
import { onBench, rule, type Bench } from '../engine/bench.js';

const BYTES = sample(40_000, 1);

const apiOf = ({ engine, folder }: Bench) =>
  new DatabaseApi({ records: engine.records, clock: systemClock, local: folder, daemon: engine });
const recordIn = (bench: Bench): FileRecord => bench.record('a') ?? assert.fail('it was not found');
const stateIn = (bench: Bench): string => stateName(stateOf(recordIn(bench)));
const ends = ({ engine }: Bench) => eventually(async () => engine.transfers().length === 0);

/** A device's hook that holds the first transfer of its kind after a part of the file. */
function holding(wanted: string) {
  let free = (): void => undefined;
  const freed = new Promise<void>(resolve => (free = resolve));
  const held = { now: false, free: () => free() };
  const before = async (operation: string, _path: string, offset = 0): Promise<void> => {
    if (operation !== wanted || held.now || (offset === 0 && wanted === 'read')) return;
    held.now = true;
    await freed;
  };
  return { held, before };
}

/** Cancels the only file while it is held. */
async function cancelHeld(bench: Bench, held: { readonly now: boolean; free(): void }): Promise<void> {
  bench.source.put('a', BYTES);
  await bench.engine.start();
  await eventually(async () => held.now);
  const { id } = recordIn(bench);
  assert.deepEqual(await apiOf(bench).cancel({ ids: [id] }), { changed: [id], refused: [] });
  held.free();
  await ends(bench);
}

function assertCancelled(bench: Bench): void {
  assert.equal(stateIn(bench), 'FAILED');
  assert.match(reasonOf(recordIn(bench)), /^cancelled \(`filesync retry`/);
  assert.deepEqual(bench.engine.waits(recordIn(bench)), []);
}

async function retryWhole(bench: Bench): Promise<void> {
  const { id } = recordIn(bench);
  assert.deepEqual(await apiOf(bench).retry({ ids: [id] }), { changed: [id], refused: [] });
  await eventually(async () => stateIn(bench) === 'UPLOADED');
  assert.deepEqual([...bench.target().files.values()], [Buffer.from(BYTES)]);
}

describe('cancelling a file', () => {
  it('interrupts its download; a retry resumes it where it was', () => {
    const { held, before } = holding('read');
    return onBench({ source: { before } }, async bench => {
      await cancelHeld(bench, held);
      assertCancelled(bench);
      assert.equal(recordIn(bench).copy.state, 'partial');
      assert.equal(bench.target().writes.length, 0);
      assert.ok(bench.logger.messages('info').some(line => /`filesync retry` resumes there$/.test(line)));
      await retryWhole(bench);
      assert.deepEqual(
        bench.source.reads.map(({ offset }) => offset > 0),
        [false, true],
      );
    });
  });

  it('interrupts its upload; a retry delivers it', () => {
    const { held, before } = holding('write');
    return onBench({ targets: { ftp: { before } } }, async bench => {
      await cancelHeld(bench, held);
      assertCancelled(bench);
      assert.equal(recordIn(bench).copy.state, 'whole');
      await retryWhole(bench);
    });
  });

  it('does not take back what a target has, if it comes too late', () => {
    const { held, before } = holding('commit');
    return onBench({ targets: { ftp: { before } } }, async bench => {
      await cancelHeld(bench, held);
      await eventually(async () => stateIn(bench) === 'UPLOADED');
      assert.equal(recordIn(bench).givenUp, undefined);
      assert.equal(bench.target().writes.length, 1);
    });
  });

  it('interrupts a stream from its source to its target', () => {
    const { held, before } = holding('read');
    return onBench({ source: { before }, rules: [rule({ via: 'stream' })] }, async bench => {
      await cancelHeld(bench, held);
      assertCancelled(bench);
      await retryWhole(bench);
    });
  });

  it('is kept when the program starts again', async () => {
    const { held, before } = holding('read');
    await onBench({ source: { before } }, async bench => {
      await cancelHeld(bench, held);
      assertCancelled(bench);
      await bench.engine.stop();
      const again = { store: bench.store, folder: bench.folder };
      await onBench(again, async later => {
        later.source.put('a', BYTES, recordIn(bench).modified);
        await later.engine.pass();
        assert.equal(stateIn(later), 'FAILED');
        assert.equal(later.target().writes.length, 0);
      });
    });
  });

  it('is refused for a finished file, which stays as it is, and for one that is unknown', () =>
    onBench({}, async bench => {
      bench.source.put('a', BYTES);
      await bench.engine.pass();
      const { id } = recordIn(bench);
      assert.deepEqual((await apiOf(bench).cancel({ ids: [id, 'zz'] })).refused, [
        { id, reason: 'it is UPLOADED; nothing of it is under way or waits' },
        { id: 'zz', reason: 'no such file; `filesync files` lists them' },
      ]);
      assert.deepEqual(await apiOf(bench).cancel({ all: true }), { changed: [], refused: [] });
      assert.equal(stateIn(bench), 'UPLOADED');
    }));
});

describe('a local copy that a person does not need', () => {
  it('is deleted once every target has the file, whatever the rule keeps', () =>
    onBench({}, async bench => {
      bench.source.put('a', BYTES);
      await bench.engine.start();
      await eventually(async () => bench.record('a') !== undefined && stateIn(bench) === 'UPLOADED');
      const { id, local } = recordIn(bench);
      assert.notEqual(await bench.local.stat(local), undefined);
      assert.deepEqual(await apiOf(bench).evict(id), { changed: [id], refused: [] });
      await eventually(async () => recordIn(bench).copy.state === 'evicted');
      assert.equal(await bench.local.stat(local), undefined);
      assert.equal(stateIn(bench), 'UPLOADED');
      assert.ok(bench.logger.messages('info').includes('cam:a: local copy removed, as a person asked'));
      const again = await apiOf(bench).evict(id);
      assert.deepEqual(again.refused, [{ id, reason: 'it is UPLOADED; there is no local copy of it' }]);
    }));

  it('stays while a target has not got the file', () => {
    const offline = { available: false, reason: 'down', armed: false };
    return onBench({ targets: { ftp: {}, nas: {} }, rules: [rule({ to: ['ftp', 'nas'] })] }, async bench => {
      bench.target('nas').availability.next(offline);
      bench.source.put('a', BYTES);
      await bench.engine.start();
      await eventually(async () => bench.record('a') !== undefined && stateIn(bench) === 'PARTIAL');
      const { id, local } = recordIn(bench);
      const refused = [{ id, reason: 'it is PARTIAL; nas has not got it yet' }];
      assert.deepEqual(await apiOf(bench).evict(id), { changed: [], refused });
      assert.notEqual(await bench.local.stat(local), undefined);
    });
  });

  it('is not deleted before its source has lost the file, where that is to be removed', () => {
    const order: string[] = [];
    const before = (operation: string) => void (operation === 'remove' && order.push('remove'));
    const after = { source: 'delete', local: { kind: 'keep' } } as const;
    return onBench({ source: { before }, rules: [rule({ after, deleteAfter: 50 })] }, async bench => {
      bench.store.changes.subscribe(
        ({ record }) => void (record?.copy.state === 'evicted' && order.push('evicted')),
      );
      bench.source.put('a', BYTES);
      await bench.engine.start();
      await eventually(async () => bench.record('a') !== undefined && stateIn(bench) === 'UPLOADED');
      await apiOf(bench).evict(recordIn(bench).id);
      await eventually(async () => recordIn(bench).copy.state === 'evicted');
      assert.deepEqual([...new Set(order)], ['remove', 'evicted']);
      assert.equal(stateIn(bench), 'REMOVED');
    });
  });

  it('stays where a target turned out to have lost the file meanwhile', () =>
    onBench({}, async bench => {
      bench.source.put('a', BYTES);
      await bench.engine.pass();
      const { records } = bench.engine;
      const { id } = recordIn(bench);
      records.apply(id, { type: 'CopyUnwanted' });
      records.apply(id, { type: 'DeliveryLost', target: 'ftp', reason: 'it is gone' });
      assert.equal(recordIn(bench).evict, undefined);
    }));

  it('is asked for with the id of a file that exists', () =>
    onBench({}, async bench => {
      assert.match(
        (await failsWith(() => apiOf(bench).evict('zz'), 'not-found')).message,
        /^zz: no such file/,
      );
    }));
});
