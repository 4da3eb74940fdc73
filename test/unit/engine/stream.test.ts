import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { FileSyncError } from '../../../src/errors.js';
import { reasonOf, stateName, stateOf } from '../../../src/record/state.js';
import { FileState, type FileRecord } from '../../../src/ports.js';
import { systemClock } from '../../../src/system/clock.js';
import { eventually, sample } from '../../conformance/support.js';
import { camRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import type { MemorySourceOptions } from '../../fakes/memory-source.js';
import { makeBench, onBench, rule, type Bench, type BenchOptions } from './bench.js';

const MIB = 1024 * 1024;
const A = sample(10_000, 1);
const B = sample(5_000, 3);
const BIG = sample(3 * MIB, 2);
/** Of a source of large files, so that a test is over soon. */
const piece = 64 * 1024;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const stream = rule({ via: 'stream' });
const both = { targets: { ftp: {}, web: {} }, rules: [{ ...stream, to: ['ftp', 'web'] }] };
const states = (bench: Bench) =>
  bench.records().map(record => `${record.path} ${stateName(stateOf(record))}`);
const nothingLocal = async (bench: Bench) => assert.deepEqual(await readdir(bench.folder), []);
const arrived = (bench: Bench, bytes: Uint8Array, target = 'ftp', path = 'cam/a.ulg') =>
  assert.ok(bench.target(target).files.get(path)?.equals(bytes), `${path} on ${target} is not the source's`);

/** Every state that a record is put into, in order, without repetitions. */
function statesOf(bench: Bench): string[] {
  const seen: string[] = [];
  bench.store.changes.subscribe(({ record }) => {
    const state = record ? stateName(stateOf(record)) : 'forgotten';
    if (state !== seen.at(-1)) seen.push(state);
  });
  return seen;
}

/** Fails once at the first piece at or after the offset. */
function cutOnce(operation: string, at: number, error = new FileSyncError('timeout', 'lost')) {
  let cut = false;
  return (now: string, _path: string, offset: number) => {
    if (now !== operation || offset < at || cut) return;
    cut = true;
    throw error;
  };
}

describe('Streams', () => {
  it('are delivered again when a person asks for that', () =>
    onBench({ rules: [stream] }, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      bench.target().files.delete('cam/a.ulg');
      const { id } = bench.record('a.ulg') as FileRecord;
      await bench.engine.records.commit(id, { type: 'Edited', edit: { state: FileState.DOWNLOADED } });
      await bench.engine.pass();
      arrived(bench, A);
      assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
      await nothingLocal(bench);
    }));

  it('go from the source to each target, and nothing is written to local storage', () =>
    onBench(both, async bench => {
      const seen = statesOf(bench);
      bench.source.put('a.ulg', A);
      bench.source.put('empty', new Uint8Array());
      const report = await bench.engine.pass();
      assert.equal(report.delivered.length, 2);
      assert.ok(!seen.includes('DOWNLOADED') && !seen.includes('DOWNLOADING'), seen.join());
      for (const name of ['ftp', 'web']) {
        arrived(bench, A, name);
        arrived(bench, new Uint8Array(), name, 'cam/empty');
      }
      await nothingLocal(bench);
      const { sha256: hash, copy, proof } = bench.record('a.ulg') as FileRecord;
      assert.deepEqual(
        { hash, copy, proof },
        {
          hash: sha256(A),
          copy: { state: 'none' },
          proof: { algorithm: 'sha256', value: sha256(A) },
        },
      );
    }));

  it('tell the states of a file on its way: FOUND, UPLOADING, UPLOADED', () =>
    onBench({ rules: [stream] }, async bench => {
      const seen = statesOf(bench);
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.deepEqual(seen, ['FOUND', 'UPLOADING', 'UPLOADED']);
    }));

  it('never read ahead of the target by more than a piece', () => {
    let written = 0;
    let ahead = 0;
    const source = {
      before: (_: string, __: string, offset: number) => void (ahead = Math.max(ahead, offset - written)),
    };
    const target = {
      before: async (_: string, __: string, offset: number) => {
        await systemClock.sleep(1);
        written = Math.max(written, offset);
      },
    };
    return onBench({ rules: [stream], source, targets: { ftp: target } }, async bench => {
      bench.source.put('a.ulg', sample(50 * 4096));
      await bench.engine.pass();
      assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
      assert.ok(ahead <= 2 * 4096, `${ahead} bytes ahead`);
    });
  });

  it('publish their progress with the target', () =>
    onBench({ rules: [stream] }, async bench => {
      const amounts: number[] = [];
      bench.engine.progress.subscribe(({ target, bytes }) => target === 'ftp' && amounts.push(bytes));
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.equal(amounts.at(-1), A.length);
    }));

  it('are PARTIAL while one target is away, and fetch the rest later', () =>
    onBench({ ...both, policy: { maxWaitMs: 20 } }, async bench => {
      bench.source.put('a.ulg', A);
      bench.target('web').availability.next({ available: false, reason: 'no route', armed: false });
      const { unfinished } = await bench.engine.pass();
      assert.deepEqual(states(bench), ['a.ulg PARTIAL']);
      assert.equal(bench.engine.waits(unfinished[0] as FileRecord)[0]?.reason, 'no route');
      await nothingLocal(bench);
    }));

  it('wait for the source as well', () =>
    onBench({ rules: [stream] }, async bench => {
      bench.source.put('a.ulg', A);
      bench.target().availability.next({ available: false, reason: 'no route', armed: false });
      await bench.engine.start();
      await eventually(async () => bench.record('a.ulg') !== undefined);
      bench.source.availability.next({ available: false, reason: 'pulled', armed: false });
      bench.target().availability.next({ available: true, reason: '', armed: false });
      await systemClock.sleep(20);
      assert.deepEqual(bench.source.reads, []);
      bench.source.availability.next({ available: true, reason: '', armed: false });
      await eventually(async () => states(bench).join() === 'a.ulg UPLOADED');
    }));

  it('go through local storage where one of several rules says so', () =>
    onBench({ ...both, rules: [stream, rule({ to: ['web'] })] }, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      arrived(bench, A, 'web');
      assert.deepEqual(await bench.copy('cam/a.ulg'), Buffer.from(A));
      assert.equal(bench.source.reads.length, 1);
    }));

  it('stop when the vehicle arms, like any download, and go on where they were', () => {
    let hold = true;
    let reached = false;
    const before = async (operation: string, _path: string, offset: number) => {
      if (operation !== 'read' || offset < 2 * MIB) return;
      reached = true;
      while (hold) await systemClock.sleep(1);
    };
    const policy = { maxWaitMs: Infinity };
    return onBench({ rules: [stream], source: { piece, before }, policy }, async bench => {
      bench.source.put('a.ulg', BIG);
      await bench.engine.start();
      await eventually(async () => reached);
      bench.source.availability.next({ available: true, reason: '', armed: true });
      hold = false;
      await eventually(async () => states(bench).join() === 'a.ulg FOUND');
      await systemClock.sleep(20);
      assert.equal(bench.source.reads.length, 1);
      bench.source.availability.next({ available: true, reason: '', armed: false });
      await eventually(async () => states(bench).join() === 'a.ulg UPLOADED');
      arrived(bench, BIG);
      assert.ok((bench.target().writes[1]?.offset ?? 0) > MIB);
    });
  });

  it('stop when they are paused or forgotten', () =>
    onBench(
      {
        rules: [stream],
        source: {
          before: async (operation: string) => void (operation === 'read' && (await systemClock.sleep(5))),
        },
      },
      async bench => {
        bench.source.put('a.ulg', BIG);
        await bench.engine.start();
        await eventually(async () => bench.target().unfinished.length > 0);
        bench.engine.pause(true);
        await eventually(async () => states(bench).join() === 'a.ulg FOUND');
        bench.engine.pause(false);
        await eventually(async () => bench.target().writes.length === 2);
        bench.source.take('a.ulg');
        await bench.engine.records.forget(bench.records()[0]?.id ?? '');
        await systemClock.sleep(50);
        assert.deepEqual([bench.records(), [...bench.target().files]], [[], []]);
      },
    ));
});

describe('Streams that are cut', () => {
  const assertResumed = async (bench: Bench, at: number) => {
    bench.source.put('a.ulg', BIG);
    await bench.engine.pass();
    arrived(bench, BIG);
    assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
    const [, again] = bench.source.reads;
    assert.ok(again && again.offset > at - 2 * MIB && again.offset > 0, `read again from ${again?.offset}`);
    const [, sent] = bench.target().writes;
    assert.ok(sent && sent.offset > at - MIB, `sent again from ${sent?.offset}`);
    await nothingLocal(bench);
  };

  it('go on where the target is, when the source was lost', () =>
    onBench({ rules: [stream], source: { piece, before: cutOnce('read', 2.5 * MIB) } }, bench =>
      assertResumed(bench, 2.5 * MIB),
    ));

  it('go on where the target is, when the target was lost', () =>
    onBench(
      { rules: [stream], source: { piece }, targets: { ftp: { before: cutOnce('write', 2.5 * MIB) } } },
      bench => assertResumed(bench, 2.5 * MIB),
    ));

  it('begin again at a target that cannot go on', () => {
    const web = { capabilities: { resume: false }, before: cutOnce('write', 2.5 * MIB) };
    return onBench({ rules: [stream], source: { piece }, targets: { ftp: web } }, async bench => {
      bench.source.put('a.ulg', BIG);
      await bench.engine.pass();
      arrived(bench, BIG);
      assert.deepEqual(
        bench.target().writes.map(({ offset }) => offset),
        [0, 0],
      );
    });
  });

  it('read a source from its start that cannot be read from the middle', () => {
    const source = { piece, capabilities: { resume: false }, before: cutOnce('read', 2.5 * MIB) };
    return onBench({ rules: [stream], source }, async bench => {
      bench.source.put('a.ulg', BIG);
      await bench.engine.pass();
      arrived(bench, BIG);
      assert.deepEqual(
        bench.source.reads.map(({ offset }) => offset),
        [0, 0],
      );
    });
  });

  it('only commit what remains when all had been sent', () => {
    const before = cutOnce('commit', 0, new FileSyncError('busy', '421', { device: 'ftp' }));
    return onBench({ rules: [stream], targets: { ftp: { before } } }, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      arrived(bench, A);
      assert.deepEqual(
        bench.target().writes.map(({ offset }) => offset),
        [0, A.length],
      );
    });
  });

  it('understand a file that arrived although the answer was lost', () => {
    const bench: { now?: Bench } = {};
    const before = (operation: string) => {
      if (operation !== 'commit') return;
      bench.now?.target().files.set('cam/a.ulg', Buffer.from(A));
      throw new FileSyncError('timeout', 'no answer', { device: 'ftp' });
    };
    return onBench({ rules: [stream], targets: { ftp: { before } } }, async one => {
      bench.now = one;
      one.source.put('a.ulg', A);
      await one.engine.pass();
      assert.deepEqual(states(one), ['a.ulg UPLOADED']);
      assert.equal(one.target().writes.length, 1);
    });
  });

  it('never overwrite a stranger of the same name and size', () =>
    onBench({ rules: [stream] }, async bench => {
      const stranger = Buffer.from(sample(A.length, 9));
      bench.target().files.set('cam/a.ulg', stranger);
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.deepEqual(bench.target().files.get('cam/a.ulg'), stranger);
      arrived(bench, A, 'ftp', `cam/a~${bench.record('a.ulg')?.id}.ulg`);
    }));

  it('begin again when what passed is not what the source holds, and nothing of it becomes visible', () => {
    const visible: number[] = [];
    const bench: { now?: Bench } = {};
    const before = (operation: string) =>
      void (operation !== 'commit' && visible.push(bench.now?.target().files.size ?? 0));
    return onBench(
      {
        rules: [stream],
        source: { capabilities: { checksum: 'crc32-mavlink' } },
        targets: { ftp: { before } },
      },
      async one => {
        bench.now = one;
        one.source.put('a.ulg', A);
        const checksum = one.source.checksum.bind(one.source);
        let wrong = 1;
        one.source.checksum = async (file, signal) =>
          wrong-- > 0 ? { algorithm: 'crc32-mavlink', value: 'deadbeef' } : checksum(file, signal);
        await one.engine.pass();
        arrived(one, A);
        assert.deepEqual(
          one.target().writes.map(({ offset }) => offset),
          [0, 0],
        );
        assert.deepEqual([...new Set(visible)], [0]);
      },
    );
  });

  it('begin again when the bytes that passed were corrupted on the way, though the source has no checksum', () => {
    const ftp = { capabilities: { checksum: false }, before: cutOnce('write', 5_000) } as const;
    const source = { capabilities: { checksum: false }, piece: 1_000 } as const;
    return onBench({ rules: [stream], source, targets: { ftp } }, async one => {
      const read = one.source.read.bind(one.source);
      let spoiled = 1;
      one.source.read = async function* (...parameters) {
        for await (const chunk of read(...parameters))
          yield spoiled-- > 0 ? chunk.map(byte => byte ^ 1) : chunk;
      };
      one.source.put('a.ulg', A);
      await one.engine.pass();
      arrived(one, A);
      assert.deepEqual(
        one.target().writes.map(({ offset }) => offset),
        [0, 5_000, 0],
      );
    });
  });

  it('mark as VANISHED what is gone before every target had it', () => {
    const bench: { now?: Bench } = {};
    const before = (operation: string) => void (operation === 'commit' && bench.now?.source.take('a.ulg'));
    return onBench({ ...both, targets: { ftp: { before }, web: { before } } }, async one => {
      bench.now = one;
      one.source.put('a.ulg', A);
      await one.engine.pass();
      assert.deepEqual(states(one), ['a.ulg VANISHED']);
      const done = Object.values(one.record('a.ulg')?.targets ?? {}).map(({ state }) => state);
      assert.deepEqual(done.sort(), ['done', 'pending']);
    });
  });

  it('take a file that changed meanwhile for another one', () => {
    const bench: { now?: Bench } = {};
    let changes = 1;
    const before = (operation: string, _path: string, offset: number) => {
      if (operation === 'read' && offset > 0 && changes-- > 0) bench.now?.source.put('a.ulg', B, 2000);
    };
    return onBench({ rules: [stream], source: { before } }, async one => {
      bench.now = one;
      one.source.put('a.ulg', A, 1000);
      await one.engine.start();
      await eventually(async () => states(one).join() === 'a.ulg VANISHED,a.ulg UPLOADED');
      arrived(one, B);
    });
  });

  it('never give two targets different files under one name, also where the source cannot tell', () => {
    const bench: { now?: Bench } = {};
    const before = (operation: string) =>
      void (operation === 'commit' && bench.now?.source.put('a.ulg', sample(A.length, 8), 1000));
    const source = { capabilities: { checksum: false } } as const;
    return onBench({ ...both, source, targets: { ftp: { before }, web: {} } }, async one => {
      bench.now = one;
      one.target('web').availability.next({ available: false, reason: 'later', armed: false });
      one.source.put('a.ulg', A, 1000);
      await one.engine.start();
      await eventually(async () => states(one)[0] === 'a.ulg PARTIAL');
      one.target('web').availability.next({ available: true, reason: '', armed: false });
      await eventually(async () => states(one)[0] === 'a.ulg FAILED');
      assert.match(
        reasonOf(one.record('a.ulg') as FileRecord),
        /web: the source has other bytes now than those that ftp/,
      );
      assert.equal(one.target('web').files.size, 0);
    });
  });
});

describe('Streams after a crash', () => {
  /** What the target held when a process ended in mid-stream, handed on to the next one. */
  async function inNextProcess(
    options: BenchOptions,
    change: ((part: Buffer) => Buffer) | undefined,
    test: (bench: Bench) => Promise<void>,
  ): Promise<void> {
    const store = new MemoryStore();
    let hold = true;
    const before = async (operation: string, _path: string, offset: number) => {
      while (operation === 'read' && offset >= 2 * MIB && hold) await systemClock.sleep(1);
    };
    const first = await makeBench({ ...options, store, source: { piece, ...options.source, before } });
    first.source.put('a.ulg', BIG, 1000);
    await first.engine.start();
    await eventually(async () => first.target().unfinished.length > 0);
    const stopped = first.engine.stop();
    hold = false;
    await stopped;
    await first.remove();
    await onBench(
      { ...options, source: { piece, ...options.source }, store: new MemoryStore(store.all()) },
      async next => {
        next.source.put('a.ulg', BIG, 1000);
        next.target().inherit(first.target(), change);
        await test(next);
      },
    );
  }

  for (const checksum of ['sha256', 'crc32-mavlink', false] as const) {
    const source: MemorySourceOptions = { capabilities: { checksum } };
    it(`go on at the target, and prove the whole file (checksum of the source: ${checksum})`, () =>
      inNextProcess({ rules: [stream], source }, undefined, async bench => {
        await bench.engine.pass();
        arrived(bench, BIG);
        assert.equal(bench.target().writes.length, 1);
        assert.ok((bench.target().writes[0]?.offset ?? 0) > 0);
        assert.equal(bench.record('a.ulg')?.targets['ftp']?.verified, 'hash');
        assert.equal(bench.record('a.ulg')?.sha256, sha256(BIG));
      }));
  }

  it('find out that the first half is wrong before the file can be seen', () => {
    const spoil = (part: Buffer) => Buffer.concat([Buffer.from([~(part[0] ?? 0)]), part.subarray(1)]);
    return inNextProcess({ rules: [stream] }, spoil, async bench => {
      await bench.engine.pass();
      arrived(bench, BIG);
      const [first, second] = bench.target().writes;
      assert.ok(first && first.offset > 0 && second?.offset === 0);
    });
  });

  it('begin again at a target that cannot prove what it holds', () =>
    inNextProcess(
      { rules: [stream], targets: { ftp: { capabilities: { checksum: false } } } },
      undefined,
      async bench => {
        await bench.engine.pass();
        arrived(bench, BIG);
        assert.deepEqual(
          bench.target().writes.map(({ offset }) => offset),
          [0],
        );
      },
    ));

  const left = (changes: Partial<FileRecord>): FileRecord =>
    camRecord(A.length, {
      via: 'stream',
      targets: { ftp: { state: 'committing', path: 'cam/a.ulg' } },
      ...changes,
    });
  const blind = { stat: false, checksum: false, resume: false } as const;
  async function afterCrash(
    record: FileRecord,
    options: BenchOptions,
    test: (bench: Bench) => Promise<void>,
  ) {
    await onBench({ rules: [stream], ...options, store: new MemoryStore([record]) }, async bench => {
      bench.source.put('a.ulg', A, 1000);
      await test(bench);
    });
  }

  it('do not send again, to a target that cannot tell, what may have arrived', () =>
    afterCrash(left({}), { targets: { ftp: { capabilities: blind } } }, async bench => {
      await bench.engine.pass();
      assert.deepEqual(bench.target().writes, []);
      assert.match(reasonOf(bench.record('a.ulg') as FileRecord), /may have arrived.*retry/);
    }));

  it('send again, to a target that cannot tell, what they had not begun to commit', () =>
    afterCrash(
      left({ targets: { ftp: { state: 'sending', path: 'cam/a.ulg' } } }),
      { targets: { ftp: { capabilities: blind } } },
      async bench => {
        await bench.engine.pass();
        assert.equal(bench.target().writes.length, 1);
        assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
      },
    ));

  it('ask a target that can tell', () =>
    afterCrash(left({ sha256: sha256(A) }), {}, async bench => {
      bench.target().files.set('cam/a.ulg', Buffer.from(A));
      await bench.engine.pass();
      assert.deepEqual(bench.target().writes, []);
      assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
    }));

  const half = left({
    targets: { ftp: { state: 'done' }, web: { state: 'pending' } },
  });

  it('are fetched for the remaining targets when the rule says local by now', () =>
    afterCrash(half, { ...both, rules: [rule({ to: ['ftp', 'web'] })] }, async bench => {
      await bench.engine.pass();
      arrived(bench, A, 'web');
      assert.deepEqual(bench.target('ftp').writes, []);
      assert.deepEqual(await bench.copy('cam/a.ulg'), Buffer.from(A));
    }));

  it('take over what is found and not begun when the rule says stream by now', () => {
    const { via: _via, ...found } = left({ targets: { ftp: { state: 'pending' } } });
    return afterCrash(found, {}, async bench => {
      await bench.engine.pass();
      arrived(bench, A);
      await nothingLocal(bench);
    });
  });
});

describe('Streams, afterwards', () => {
  const deleting = { ...stream, after: { source: 'delete', local: { kind: 'keep' } } } as const;
  const removed = (bench: Bench) => !bench.source.has('a.ulg');

  it('delete from the source what a target has proved by a hash', () =>
    onBench({ rules: [deleting], source: { capabilities: { checksum: 'crc32-mavlink' } } }, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.ok(removed(bench));
      assert.deepEqual(states(bench), ['a.ulg REMOVED']);
    }));

  it('do not where the target holds other bytes by now', () => {
    const bench: { now?: Bench } = {};
    const before = (operation: string) =>
      void (
        operation === 'checksum' &&
        bench.now?.target().files.set('cam/a.ulg', Buffer.from(sample(A.length, 3)))
      );
    return onBench({ rules: [deleting], targets: { ftp: { before } } }, async one => {
      bench.now = one;
      one.source.put('a.ulg', A);
      await one.engine.pass();
      assert.ok(!removed(one));
      assert.match(
        reasonOf(one.record('a.ulg') as FileRecord),
        /not removed from the source: ftp holds other bytes/,
      );
    });
  });

  it('do not where there is only the word of a target', () =>
    onBench(
      {
        rules: [deleting],
        targets: { ftp: { capabilities: { stat: false, checksum: false, resume: false } } },
      },
      async bench => {
        bench.source.put('a.ulg', A);
        await bench.engine.pass();
        assert.ok(!removed(bench));
        assert.match(reasonOf(bench.record('a.ulg') as FileRecord), /no local copy, and only the word/);
      },
    ));

  it('do not where the source changed meanwhile', () => {
    const bench: { now?: Bench } = {};
    const before = (operation: string) =>
      void (operation === 'commit' && bench.now?.source.put('a.ulg', sample(A.length, 5), 1000));
    return onBench({ rules: [deleting], targets: { ftp: { before } } }, async one => {
      bench.now = one;
      one.source.put('a.ulg', A, 1000);
      await one.engine.pass();
      assert.ok(!removed(one));
      assert.match(reasonOf(one.record('a.ulg') as FileRecord), /not removed from the source.*other bytes/);
    });
  });
});
