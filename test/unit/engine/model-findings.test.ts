import assert from 'node:assert/strict';
import { stepsFor } from '../../../src/engine/steps.js';
import { match } from '../../../src/record/identity.js';
import { apply } from '../../../src/record/record.js';
import { reasonOf, stateName, stateOf } from '../../../src/record/state.js';
import { FileSyncError } from '../../../src/errors.js';
import { FileState, type FileRecord } from '../../../src/ports.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import type { MemoryTargetOptions } from '../../fakes/memory-target.js';
import { systemClock } from '../../../src/system/clock.js';
import { eventually, sample } from '../../conformance/support.js';
import { fileRecord } from '../../fakes/file-record.js';
import { onBench, rule } from './bench.js';

/** What test/model has found, each as small as it can be. */
describe('Engine, found by the model', () => {
  it('makes a scan again that a pause has cut off', async () => {
    const cut = { done: false };
    const before = (operation: string) => {
      if (operation === 'list' && !cut.done) cut.done = bench?.pause(true) ?? false;
    };
    let bench: { pause(on: true): true } | undefined;
    await onBench({ source: { before }, interval: 3_600_000 }, async ({ engine, source, records }) => {
      bench = { pause: on => (engine.pause(on), on) };
      source.put('a.ulg', sample(100));
      await engine.start();
      await eventually(async () => cut.done);
      engine.pause(false);
      await eventually(async () => records().some(one => stateOf(one) === FileState.UPLOADED));
    });
  });

  it('shows nothing as moving that only a doubt is left of', () => {
    const targets = { blind: { state: 'committing', path: 'a' } } as const;
    const skipped = fileRecord(1, { skipped: 'fetch: asked', targets });
    const gone = fileRecord(1, { source: { state: 'gone' }, targets });
    assert.deepEqual(
      [skipped, gone].map(record => stateName(stateOf(record))),
      ['SKIPPED', 'VANISHED'],
    );
  });

  it('sends two versions of a file one after the other: not every server can refuse to replace what has just come', async () => {
    const before = async (operation: string) => {
      if (operation === 'commit') await systemClock.sleep(50);
    };
    const targets = { ftp: { capabilities: { connections: 2 }, before } };
    await onBench({ targets, interval: 5 }, async ({ engine, source, target, records }) => {
      target().availability.next({ available: false, reason: 'away', armed: false });
      await engine.start();
      for (const seed of [1, 2]) {
        source.put('a.ulg', sample(20_000, seed));
        await eventually(async () => records().filter(one => one.copy.state === 'whole').length === seed);
      }
      target().availability.next({ available: true, reason: '', armed: false });
      await eventually(async () => records().every(one => stateOf(one) === FileState.UPLOADED));
      assert.equal(target().files.size, 2);
    });
  });

  it('says of a file that was delivered, sent again by hand and gone meanwhile what became of it', () => {
    const targets = { ftp: { state: 'pending' } } as const;
    const record = fileRecord(1, { source: { state: 'gone' }, copy: { state: 'evicted' }, targets });
    assert.equal(reasonOf(record), 'gone from the source, and no local copy is left');
  });

  it('keeps a delivery that an attempt under way no longer has to make', () => {
    const record = fileRecord(1, { targets: { ftp: { state: 'done', path: 'a' } } });
    const now = { at: 1, boot: '1', up: 1, synced: true };
    for (const type of ['DeliveryBegan', 'Committing'] as const)
      assert.equal(apply(record, { type, target: 'ftp', path: 'b' }, now)?.targets.ftp?.state, 'done');
  });

  it('fetches again a copy that was deleted while it was being sent', async () => {
    let remove: (() => Promise<void>) | undefined;
    const before = async (operation: string) => {
      if (operation === 'write') await remove?.();
      remove = undefined;
    };
    await onBench({ targets: { ftp: { before } } }, async ({ engine, source, local, record, target }) => {
      remove = () => local.remove('cam/a.ulg');
      source.put('a.ulg', sample(100));
      await engine.pass();
      assert.deepEqual([source.reads.length, record('a.ulg')?.reason], [2, undefined]);
      assert.deepEqual(target().files.get('cam/a.ulg'), Buffer.from(sample(100)));
    });
  });

  it('keeps the local copy where a target that names no device reports a missing or corrupt file', async () => {
    for (const kind of ['not-found', 'corrupt'] as const) {
      const before = (operation: string) => {
        if (operation === 'write') throw new FileSyncError(kind, 'it is broken there', { temporary: true });
      };
      await onBench({ targets: { ftp: { before } } }, async ({ engine, source, local, record }) => {
        source.put('a.ulg', sample(100));
        await engine.pass();
        assert.deepEqual([source.reads.length, record('a.ulg')?.copy.state], [1, 'whole']);
        assert.equal(record('a.ulg')?.targets.ftp?.reason, 'it is broken there');
        assert.deepEqual(await local.stat('cam/a.ulg'), { size: 100 });
      });
    }
  });

  it('still says why a file was given up when it is back', () => {
    const record = fileRecord(1, { source: { state: 'gone' }, givenUp: true, reason: 'check the link' });
    const now = { at: 1, boot: '1', up: 1, synced: true };
    assert.equal(apply(record, { type: 'SeenAgain', asOf: 1 }, now)?.reason, 'check the link');
  });

  it('does not take for the same file what lies on the source by now, when it has to be fetched again', async () => {
    const rules = [rule({ to: ['web', 'ftp'], after: { source: 'delete', local: { kind: 'keep' } } })];
    const web = { capabilities: { stat: false, checksum: false, resume: false } } as const;
    const source = { capabilities: { checksum: 'crc32-mavlink' } } as const;
    await onBench({ rules, source, targets: { web, ftp: {} } }, async bench => {
      bench.target().availability.next({ available: false, reason: 'away', armed: false });
      bench.source.put('a.ulg', sample(100, 1), 1000);
      await bench.engine.start();
      await eventually(async () => bench.record('a.ulg')?.targets.web?.state === 'done');
      await bench.local.remove('cam/a.ulg');
      bench.source.put('a.ulg', sample(100, 2), 1000);
      bench.target().availability.next({ available: true, reason: '', armed: false });
      await eventually(async () => bench.record('a.ulg')?.givenUp === true);
      assert.match(bench.record('a.ulg')?.reason ?? '', /other bytes now than those that web got/);
      assert.deepEqual([bench.source.has('a.ulg'), bench.target().files.size], [true, 0]);
    });
  });

  it('leaves time between the attempts to fetch again what a target has', () => {
    const targets = { web: { state: 'done' }, ftp: { state: 'pending' } } as const;
    const record = fileRecord(1, { sha256: 'a'.repeat(64), copy: { state: 'partial' }, targets });
    assert.deepEqual(
      stepsFor(record, undefined).map(({ kind }) => kind),
      ['fetch'],
    );
  });

  it('takes a file for another one although the first of its like was forgotten', () => {
    const second = fileRecord(1, { generation: 1, source: { state: 'removed' } });
    const found = match(second, [second], () => false);
    assert.equal(found.kind === 'new' && found.generation, 2);
  });

  it('does not send again what a target has got when our own disk could not take the record of that', async () => {
    const targets = { ftp: { capabilities: { stat: false, checksum: false, resume: false } } } as const;
    await onBench({ store: new FullStore(), targets }, async ({ engine, source, target, record }) => {
      source.put('a.ulg', sample(100));
      await engine.pass();
      assert.deepEqual([target().writes.length, record('a.ulg')?.targets.ftp?.state], [1, 'done']);
    });
  });

  it('does not send again what may have arrived where its target was out of the rules for a while', async () => {
    const web: MemoryTargetOptions = {
      capabilities: { stat: false, checksum: false, resume: false },
      before: operation => {
        if (operation === 'commit') throw new FileSyncError('lost-answer', 'no answer: look there');
      },
    };
    const writes: number[] = [];
    let store = new MemoryStore();
    for (const to of [['web', 'ftp'], ['ftp'], ['web', 'ftp']]) {
      store = store.reopened();
      await onBench({ rules: [rule({ to })], store, targets: { web, ftp: {} } }, async bench => {
        bench.source.put('a.ulg', sample(100), 1000);
        await bench.engine.pass();
        writes.push(bench.target('web').writes.length);
      });
    }
    const [record] = store.all();
    assert.deepEqual([writes, record?.targets.web?.state], [[1, 0, 0], 'failed']);
  });

  it('tries a refused removal again when there is a local copy to compare with', () => {
    const record = fileRecord(1, {
      copy: { state: 'fetching' },
      removal: 'refused',
      reason: 'no local copy',
    });
    const now = { at: 1, boot: '1', up: 1, synced: true };
    assert.equal(apply(record, { type: 'Fetched' }, now)?.removal, undefined);
  });

  it('interrupts a removal whose file a person sends again meanwhile, and makes it after that delivery', async () => {
    const rules = [rule({ after: { source: 'delete', local: { kind: 'keep' } } })];
    let removals = 0;
    let edit: () => Promise<unknown> = () => Promise.resolve();
    const source = {
      before: async (operation: string) => {
        if (operation === 'remove' && ++removals === 1) await edit();
      },
    };
    await onBench({ rules, source }, async bench => {
      bench.source.put('a.ulg', sample(100));
      edit = () => {
        const { id = '' } = bench.record('a.ulg') ?? {};
        return bench.engine.records.commit(id, { type: 'Edited', edit: { state: FileState.DOWNLOADED } });
      };
      await bench.engine.start();
      await eventually(async () => bench.record('a.ulg')?.source.state === 'removed');
      assert.deepEqual([removals, bench.record('a.ulg')?.targets.ftp?.state], [2, 'done']);
    });
  });

  it('keeps the local copy that is about to be removed where a person has it sent to a further target', async () => {
    const rules = [rule({ after: { source: 'keep', local: { kind: 'delete' } } })];
    await onBench({ rules, targets: { ftp: {}, review: {} } }, async bench => {
      const remove = bench.local.remove.bind(bench.local);
      let removals = 0;
      bench.local.remove = async (...request) => {
        const { id = '' } = bench.record('a.ulg') ?? {};
        const edit = { targets: ['ftp', 'review'] };
        if (++removals === 1) await bench.engine.records.commit(id, { type: 'Edited', edit });
        await remove(...request);
      };
      bench.source.put('a.ulg', sample(100));
      await bench.engine.start();
      await eventually(async () => bench.record('a.ulg')?.copy.state === 'evicted');
      const { targets, lost } = bench.record('a.ulg') ?? {};
      assert.deepEqual([removals, targets?.review?.state, lost], [2, 'done', undefined]);
    });
  });
});

/** Refuses the first record that says that a target has the file. */
class FullStore extends MemoryStore {
  #refused = false;

  override async put(record: FileRecord): Promise<void> {
    if (!this.#refused && record.targets.ftp?.state === 'done') {
      this.#refused = true;
      throw new FileSyncError('no-space', 'the disk is full');
    }
    await super.put(record);
  }
}
