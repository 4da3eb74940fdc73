import assert from 'node:assert/strict';
import { FileSyncError } from '../../../src/errors.js';
import { stateName, stateOf } from '../../../src/record/state.js';
import { eventually, sample } from '../../conformance/support.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { onBench, rule, type BenchOptions } from './bench.js';

const HOUR_MS = 3_600_000;

describe('A file that was gone and is back before its targets had it', () => {
  const blind = { capabilities: { stat: false, checksum: false as const } };

  const once = (options: BenchOptions, shift = 0) =>
    onBench({ targets: { site: blind }, rules: [rule({ to: ['site'] })], ...options }, async bench => {
      const { source, engine, records, target, local } = bench;
      target('site').availability.next({ available: false, reason: 'away', armed: false });
      const modified = Date.now() - 10 * HOUR_MS;
      source.put('a.ulg', sample(2_000), modified);
      await engine.start();
      await eventually(async () => records().some(({ copy }) => copy.state === 'whole'));
      source.take('a.ulg');
      await eventually(async () => records().every(one => one.source.state === 'gone'));
      source.put('a.ulg', sample(2_000), modified + shift);
      await eventually(
        async () => records().length === 1 && records().every(one => one.source.state === 'present'),
      );
      target('site').availability.next({ available: true, reason: '', armed: false });
      await eventually(async () => records().every(one => stateName(stateOf(one)) === 'UPLOADED'));
      assert.equal(target('site').writes.length, 1);
      const copies: string[] = [];
      for await (const copy of local.list()) copies.push(copy.local);
      assert.deepEqual(copies, ['cam/a.ulg']);
    });

  it('is sent once, where it has to be fetched to be recognised', () =>
    once({ source: { capabilities: { checksum: false } } }));
  it('is sent once, where the source has a checksum', () => once({}));
  it('is sent once, where its time has moved by an hour', () => once({}, HOUR_MS));

  it('waits for space where the disk is too full to forget its second record', () => {
    const store = new FullStore();
    return onBench({ store, targets: { site: blind }, rules: [rule({ to: ['site'] })] }, async bench => {
      const { source, engine, records, target, logger } = bench;
      target('site').availability.next({ available: false, reason: 'away', armed: false });
      source.put('a.ulg', sample(2_000), 1);
      await engine.start();
      await eventually(async () => records().some(({ copy }) => copy.state === 'whole'));
      source.take('a.ulg');
      await eventually(async () => records().every(one => one.source.state === 'gone'));
      store.isFull = true;
      source.put('a.ulg', sample(2_000), 1);
      await eventually(async () => store.refused > 0);
      store.isFull = false;
      await eventually(async () => records().length === 1);
      assert.ok(!logger.messages('debug').some(message => message.includes('interrupted')));
    });
  });

  it('is streamed with its new time to a target that a person has added', () => {
    const rules = [rule({ to: ['site'], via: 'stream' })];
    return onBench({ targets: { site: blind, web: blind }, rules, interval: HOUR_MS }, async bench => {
      const { source, engine, record, target } = bench;
      let modified = Date.now() - 10 * HOUR_MS;
      let refused = 0;
      const read = source.read.bind(source);
      source.read = async function* (file, ...rest) {
        if (file.modified !== modified && ++refused)
          throw new FileSyncError('changed', 'it has another time');
        yield* read(file, ...rest);
      };
      source.put('a.ulg', sample(2_000), modified);
      await engine.start();
      await eventually(async () => record('a.ulg')?.targets['site']?.state === 'done');
      modified += HOUR_MS;
      source.put('a.ulg', sample(2_000), modified);
      const { id = '' } = record('a.ulg') ?? {};
      await engine.records.commit(id, { type: 'Edited', edit: { targets: ['site', 'web'] } });
      await eventually(async () => refused > 0);
      await eventually(async () => {
        engine.rescan();
        return target('web').files.size === 1;
      });
      assert.equal(target('site').writes.length, 1);
    });
  });
});

describe('An empty listing of another medium', () => {
  it('says nothing of the files that are known of the one before: its drive may not be mounted', async () => {
    let store = new MemoryStore();
    const after = async (volume: string, ...paths: string[]) => {
      store = store.reopened();
      let writes = 0;
      await onBench({ store }, async ({ engine, source, target }) => {
        Object.assign(source, { volume: async () => volume });
        for (const path of paths) source.put(path, sample(100), 1000);
        await engine.pass();
        writes = target().writes.length;
      });
      const states = [...store.all()].map(({ path, source }) => `${path} ${source.state}`);
      return { states, writes, volume: store.source('cam')?.volume };
    };
    assert.deepEqual(await after('A', 'a'), { states: ['a present'], writes: 1, volume: 'A' });
    assert.deepEqual(await after('B'), { states: ['a present'], writes: 0, volume: 'A' });
    assert.deepEqual(await after('A', 'a'), { states: ['a present'], writes: 0, volume: 'A' });
    assert.deepEqual(await after('A'), { states: ['a gone'], writes: 0, volume: 'A' });
    assert.deepEqual((await after('B', 'b')).volume, 'B');
  });
});

/** As the database: the record is gone at once, and comes back when that cannot be written. */
class FullStore extends MemoryStore {
  isFull = false;
  refused = 0;

  override async delete(id: string): Promise<void> {
    const record = this.get(id);
    await super.delete(id);
    if (!this.isFull || !record) return;
    this.refused++;
    await super.put(record);
    throw new FileSyncError('no-space', 'the disk is full');
  }
}
