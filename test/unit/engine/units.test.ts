import assert from 'node:assert/strict';
import { FileSyncError } from '../../../src/errors.js';
import { stateName, stateOf } from '../../../src/record/state.js';
import type { FileRecord } from '../../../src/ports.js';
import type { Together } from '../../../src/rules/together.js';
import { eventually, sample } from '../../conformance/support.js';
import { metadata } from '../../data/bag-metadata.js';
import { onBench, rule, type Bench } from './bench.js';

const BAG: Together = { folder: 'metadata.yaml' };
const bags = rule({ together: BAG, path: '{file.path}' });
const PARTS = ['run/0.mcap', 'run/1.mcap', 'run/2.mcap'];
const MARKER = 'run/metadata.yaml';

const states = (bench: Bench) =>
  bench
    .records()
    .map(record => `${record.path} ${stateName(stateOf(record))}`)
    .sort();
const putParts = (bench: Bench, paths = PARTS) =>
  paths.forEach((path, at) => bench.source.put(path, sample(5_000 + at, at)));
const putMarker = (bench: Bench, listed = PARTS) =>
  bench.source.put(MARKER, metadata(listed.map(path => path.slice('run/'.length))));
const waits = (bench: Bench, path: string) =>
  bench.engine
    .waits(bench.record(path) as FileRecord)
    .map(({ code, reason, stage }) => `${stage} ${code}: ${reason}`);
const written = (bench: Bench, target = 'ftp') => bench.target(target).writes.map(({ path }) => path);
const isLast = (paths: readonly string[], path: string) => assert.equal(paths.at(-1), path, paths.join());

describe('A bag', () => {
  it('is fetched and not sent before it is complete', () =>
    onBench({ rules: [bags] }, async bench => {
      putParts(bench);
      const { unfinished } = await bench.engine.pass();
      assert.equal(unfinished.length, 3);
      assert.deepEqual(
        states(bench),
        PARTS.map(path => `${path} DOWNLOADED`),
      );
      assert.deepEqual(written(bench), []);
      for (const path of PARTS)
        assert.deepEqual(waits(bench, path), [
          'deliver together: together: waits for metadata.yaml of the folder run',
        ]);
      putMarker(bench);
      await bench.engine.pass();
      assert.equal(written(bench).length, 4);
      isLast(written(bench), MARKER);
    }));

  it('is sent in one pass, with its marker last on each target', () => {
    const rules = [{ ...bags, to: ['ftp', 'web'] }];
    const targets = {
      ftp: { capabilities: { connections: 3 } },
      web: { capabilities: { stat: false, checksum: false } },
    };
    return onBench({ rules, targets: targets as never }, async bench => {
      putMarker(bench);
      putParts(bench);
      await bench.engine.pass();
      assert.deepEqual(
        states(bench),
        [...PARTS, MARKER].map(path => `${path} UPLOADED`),
      );
      for (const target of ['ftp', 'web']) {
        assert.deepEqual([...written(bench, target)].sort(), [...PARTS, MARKER]);
        isLast([...bench.target(target).files.keys()], MARKER);
      }
    });
  });

  it('waits for a file that its metadata lists, and names it', () =>
    onBench({ rules: [bags] }, async bench => {
      putParts(bench, PARTS.slice(0, 2));
      putMarker(bench);
      await bench.engine.pass();
      assert.deepEqual(written(bench), []);
      for (const path of [...PARTS.slice(0, 2), MARKER])
        assert.match(waits(bench, path).join(), /waits for 2\.mcap/);
      putParts(bench);
      await bench.engine.pass();
      isLast([...bench.target().files.keys()], MARKER);
      assert.equal(bench.target().files.size, 4);
    }));

  it('waits for ever for a file outside of its folder', () =>
    onBench({ rules: [bags] }, async bench => {
      putParts(bench);
      bench.source.put(MARKER, metadata(['../../etc/passwd']));
      await bench.engine.pass();
      assert.deepEqual(written(bench), []);
      assert.match(waits(bench, MARKER).join(), /no file of its folder/);
    }));

  it('may be any folder with any marker', () =>
    onBench({ rules: [rule({ together: { folder: 'DONE' } })] }, async bench => {
      putParts(bench);
      bench.source.put('run/DONE', new Uint8Array());
      await bench.engine.pass();
      isLast(written(bench), 'cam/run/DONE');
    }));

  it('sends its parts early where the rule says so, and the marker last', () =>
    onBench({ rules: [{ ...bags, together: { ...BAG, early: true } }] }, async bench => {
      putParts(bench);
      await bench.engine.pass();
      assert.deepEqual([...written(bench)].sort(), PARTS);
      assert.deepEqual(
        states(bench),
        PARTS.map(path => `${path} UPLOADED`),
      );
      putMarker(bench);
      await bench.engine.pass();
      isLast(written(bench), MARKER);
    }));

  it('is streamed with its marker last', () =>
    onBench({ rules: [{ ...bags, via: 'stream' }] }, async bench => {
      putParts(bench);
      await bench.engine.pass();
      assert.deepEqual(written(bench), []);
      assert.match(waits(bench, PARTS[0] ?? '').join(), /stream together: .*waits for metadata\.yaml/);
      putMarker(bench);
      await bench.engine.pass();
      isLast(written(bench), MARKER);
    }));

  it('sends a file that appears later', () =>
    onBench({ rules: [bags] }, async bench => {
      putParts(bench);
      putMarker(bench);
      await bench.engine.pass();
      bench.source.put('run/notes.txt', sample(10, 9));
      await bench.engine.pass();
      isLast(written(bench), 'run/notes.txt');
    }));

  it('keeps its marker from a target where a part failed, and goes on after a retry', () => {
    let refuses = true;
    const before = (operation: string, path: string) => {
      if (operation === 'write' && path === PARTS[1] && refuses)
        throw new FileSyncError('rejected', 'refused: free space, then `filesync retry`');
    };
    return onBench(
      { rules: [{ ...bags, to: ['ftp', 'web'] }], targets: { ftp: { before }, web: {} } },
      async bench => {
        putParts(bench);
        putMarker(bench);
        await bench.engine.pass();
        assert.equal(bench.target('web').files.size, 4);
        assert.deepEqual([...bench.target().files.keys()].sort(), [PARTS[0], PARTS[2]]);
        assert.match(waits(bench, MARKER).join(), /^deliver together: .*run\/1\.mcap FAILED: refused/);
        refuses = false;
        const { id } = bench.record(PARTS[1] ?? '') as FileRecord;
        await bench.engine.records.commit(id, { type: 'Retried' });
        await bench.engine.pass();
        isLast([...bench.target().files.keys()], MARKER);
      },
    );
  });

  it('goes on without a part that is forgotten and gone', () => {
    const before = (operation: string, path: string) => {
      if (operation === 'write' && path === 'run/extra') throw new FileSyncError('rejected', 'refused');
    };
    return onBench({ rules: [bags], targets: { ftp: { before } } }, async bench => {
      putParts(bench);
      putMarker(bench);
      bench.source.put('run/extra', sample(3, 3));
      await bench.engine.pass();
      assert.match(waits(bench, MARKER).join(), /run\/extra FAILED/);
      bench.source.take('run/extra');
      await bench.engine.records.forget(bench.record('run/extra')?.id ?? '');
      await bench.engine.pass();
      isLast([...bench.target().files.keys()], MARKER);
    });
  });

  it('is sent from local storage when its source is gone', () =>
    onBench({ rules: [bags] }, async bench => {
      bench.target().availability.next({ available: false, armed: false, reason: 'off' });
      putParts(bench);
      putMarker(bench);
      await bench.engine.pass();
      for (const path of [...PARTS, MARKER]) bench.source.take(path);
      await bench.engine.pass();
      bench.target().availability.next({ available: true, armed: false, reason: 'on' });
      await bench.engine.pass();
      assert.equal(bench.target().files.size, 4);
      isLast(written(bench), MARKER);
    }));

  it('is removed as one, its marker first', async () => {
    const removed: string[] = [];
    const before = (operation: string, path: string) => void (operation === 'remove' && removed.push(path));
    const deletes = { ...bags, after: { source: 'delete', local: { kind: 'delete' } } } as const;
    await onBench({ rules: [deletes], source: { before } }, async bench => {
      putParts(bench);
      await bench.engine.pass();
      assert.deepEqual(removed, []);
      putMarker(bench);
      await bench.engine.pass();
      assert.deepEqual(
        states(bench),
        [...PARTS, MARKER].map(path => `${path} REMOVED`),
      );
      assert.equal(removed[0], MARKER);
      assert.deepEqual([...removed].sort(), [...PARTS, MARKER]);
      assert.deepEqual(
        bench.records().map(({ copy }) => copy.state),
        Array(4).fill('evicted'),
      );
    });
  });

  it('stays on its source as long as one of its files is not delivered', () => {
    let refuses = true;
    const before = (operation: string, path: string) => {
      if (operation === 'write' && path === PARTS[1] && refuses)
        throw new FileSyncError('rejected', 'refused');
    };
    const deletes = { ...bags, after: { source: 'delete', local: { kind: 'delete' } } } as const;
    return onBench({ rules: [deletes], targets: { ftp: { before } } }, async bench => {
      putParts(bench);
      putMarker(bench);
      await bench.engine.pass();
      for (const path of [...PARTS, MARKER]) assert.ok(bench.source.has(path), path);
      assert.match(
        waits(bench, PARTS[0] ?? '').join(),
        /^remove together: .*run\/1\.mcap is not on every target/,
      );
      refuses = false;
      const { id } = bench.record(PARTS[1] ?? '') as FileRecord;
      await bench.engine.records.commit(id, { type: 'Retried' });
      await bench.engine.pass();
      for (const path of [...PARTS, MARKER]) assert.ok(!bench.source.has(path), path);
    });
  });

  it('waits for the marker of a new recording in the same folder', () => {
    const deletes = { ...bags, after: { source: 'delete', local: { kind: 'keep' } } } as const;
    return onBench({ rules: [deletes] }, async bench => {
      putParts(bench);
      putMarker(bench);
      await bench.engine.pass();
      const { length } = written(bench);
      bench.source.put(PARTS[0] ?? '', sample(700, 70));
      await bench.engine.pass();
      assert.equal(written(bench).length, length);
      bench.source.put(MARKER, metadata(['0.mcap']));
      await bench.engine.pass();
      assert.equal(written(bench).length, length + 2);
      assert.equal(bench.records().filter(record => stateOf(record) !== 3).length, 0);
    });
  });

  it('is sent by a daemon as soon as it is complete', () =>
    onBench({ rules: [bags] }, async bench => {
      putParts(bench);
      await bench.engine.start();
      await eventually(async () => bench.records().filter(({ copy }) => copy.state === 'whole').length === 3);
      putMarker(bench);
      await eventually(async () => bench.target().files.size === 4);
      isLast(written(bench), MARKER);
    }));

  it('takes no turn of others while it waits', () =>
    onBench({ rules: [bags] }, async bench => {
      putParts(bench);
      putParts(bench, ['other/0.mcap']);
      bench.source.put('other/metadata.yaml', metadata(['0.mcap']));
      await bench.engine.pass();
      assert.deepEqual(written(bench), ['other/0.mcap', 'other/metadata.yaml']);
    }));

  it('needs no daemon to be restarted when rules change', () =>
    onBench({ rules: [rule({ path: '{file.path}' })] }, async bench => {
      putParts(bench, [PARTS[0] ?? '']);
      await bench.engine.pass();
      bench.planner.use([bags]);
      bench.engine.addDevices([], []);
      putParts(bench, [PARTS[0] ?? '', PARTS[1] ?? '']);
      await bench.engine.pass();
      assert.deepEqual(written(bench), [PARTS[0]]);
      assert.match(waits(bench, PARTS[1] ?? '').join(), /waits for metadata/);
    }));
});

describe('A pair', () => {
  const pairs = rule({ together: { stem: ['ulgc', 'ulgk'] }, path: '{file.path}' });

  it('is sent when both files are there, the last extension last', () =>
    onBench({ rules: [pairs] }, async bench => {
      bench.source.put('a.ulgk', sample(300, 1));
      bench.source.put('b.ulg', sample(300, 2));
      await bench.engine.pass();
      assert.deepEqual(written(bench), ['b.ulg']);
      assert.match(waits(bench, 'a.ulgk').join(), /waits for a\.ulgc, which belongs to it/);
      bench.source.put('a.ulgc', sample(400, 3));
      await bench.engine.pass();
      assert.deepEqual(written(bench), ['b.ulg', 'a.ulgc', 'a.ulgk']);
    }));
});
