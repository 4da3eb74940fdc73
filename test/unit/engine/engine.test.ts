import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import { FileSyncError } from '../../../src/errors.js';
import { reasonOf, stateName, stateOf } from '../../../src/record/state.js';
import { FileState, type FileRecord, type TargetCapabilities } from '../../../src/ports.js';
import { systemClock } from '../../../src/system/clock.js';
import { sample, eventually } from '../../conformance/support.js';
import { LateStore } from '../../fakes/late-store.js';
import { camRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { makeBench, onBench, rule, type Bench } from './bench.js';

const A = sample(10_000, 1);
const B = sample(5_000, 2);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const states = (bench: Bench) =>
  bench.records().map(record => `${record.path} ${stateName(stateOf(record))}`);

/** Waits until a record of that path is in that state. */
async function reaches(bench: Bench, path: string, state: FileState): Promise<FileRecord> {
  const there = bench.record(path);
  if (there && stateOf(there) === state) return there;
  const changes = bench.store.changes.pipe(
    filter(({ record }) => record?.path === path && stateOf(record) === state),
  );
  return (await firstValueFrom(changes)).record as FileRecord;
}

describe('Engine, one pass', () => {
  it('finds, fetches and delivers everything, once', () =>
    onBench({ targets: { ftp: {}, web: {} }, rules: [rule({ to: ['ftp', 'web'] })] }, async bench => {
      bench.source.put('a.ulg', A);
      bench.source.put('day/b.ulg', B);
      bench.source.put('empty', new Uint8Array());
      const report = await bench.engine.pass();
      assert.equal(report.delivered.length, 3);
      assert.deepEqual(report.unfinished, []);
      assert.deepEqual(states(bench), ['a.ulg UPLOADED', 'day/b.ulg UPLOADED', 'empty UPLOADED']);
      for (const name of ['ftp', 'web']) {
        assert.deepEqual(bench.target(name).files.get('cam/a.ulg'), Buffer.from(A));
        assert.deepEqual(bench.target(name).files.get('cam/day/b.ulg'), Buffer.from(B));
        assert.equal(bench.target(name).writes.length, 3);
      }
      assert.deepEqual(await bench.copy('cam/a.ulg'), Buffer.from(A));
      assert.equal(bench.record('a.ulg')?.sha256, sha256(A));
    }));

  it('does nothing twice: a second pass moves no byte', async () => {
    const store = new MemoryStore();
    const first = await makeBench({ store });
    first.source.put('a.ulg', A, 1000);
    await first.engine.pass();
    const again = await makeBench({ store: new MemoryStore(store.all()), folder: first.folder });
    again.source.put('a.ulg', A, 1000);
    const report = await again.engine.pass();
    assert.deepEqual(report.delivered, []);
    assert.deepEqual(again.source.reads, []);
    assert.deepEqual(again.target().writes, []);
    await Promise.all([first.engine.stop(), again.engine.stop()]);
    await first.remove();
  });

  it('takes only what a rule includes', () =>
    onBench({ rules: [rule({ include: ['**/*.ulg'], exclude: ['old/**'] })] }, async bench => {
      for (const path of ['a.ulg', 'a.txt', 'old/b.ulg']) bench.source.put(path, B);
      await bench.engine.pass();
      assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
    }));

  it('keeps a file that changed beside the old one, at home and on the target', () =>
    onBench({}, async bench => {
      bench.source.put('log.ulg', A, 1000);
      await bench.engine.pass();
      bench.source.put('log.ulg', B, 2000);
      bench.engine.rescan();
      await eventually(
        async () => bench.records().filter(one => stateOf(one) === FileState.UPLOADED).length === 2,
      );
      const second = bench.records()[1] as FileRecord;
      assert.deepEqual(await bench.copy('cam/log.ulg'), Buffer.from(A));
      assert.deepEqual(await bench.copy(`cam/log~${second.id}.ulg`), Buffer.from(B));
      assert.deepEqual(bench.target().files.get('cam/log.ulg'), Buffer.from(A));
      assert.deepEqual(bench.target().files.get(`cam/log~${second.id}.ulg`), Buffer.from(B));
    }));

  it('leaves alone what still grows', () =>
    onBench({ rules: [rule({ settle: 40 })] }, async bench => {
      bench.source.put('still.ulg', A);
      bench.source.put('done.ulg', B);
      const list = bench.source.list.bind(bench.source);
      bench.source.list = signal => {
        if (bench.source.looks.length > 0) bench.source.put('still.ulg', B);
        return list(signal);
      };
      const report = await bench.engine.pass();
      assert.deepEqual(states(bench), ['done.ulg UPLOADED']);
      assert.deepEqual(report.scans[0]?.growing, ['still.ulg']);
    }));

  it('takes what did not change while it looked, where the source tells no time', () =>
    onBench({ rules: [rule({ settle: 30 })] }, async bench => {
      bench.source.put('a.ulg', A, Date.now() + 3_600_000);
      await bench.engine.pass();
      assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
    }));

  it('reports a source that cannot be listed, and delivers the rest', () =>
    onBench({ policy: { maxWaitMs: 5 } }, async bench => {
      bench.source.availability.next({ available: false, reason: 'no heartbeat', armed: false });
      const report = await bench.engine.pass();
      assert.match(report.scans[0]?.error?.message ?? '', /no heartbeat/);
    }));

  it('finishes the other targets when one is away', () =>
    onBench(
      { targets: { ftp: {}, web: {} }, rules: [rule({ to: ['ftp', 'web'] })], policy: { maxWaitMs: 20 } },
      async bench => {
        bench.source.put('a.ulg', A);
        bench.target('web').availability.next({ available: false, reason: 'no route', armed: false });
        const report = await bench.engine.pass();
        assert.deepEqual(states(bench), ['a.ulg PARTIAL']);
        assert.equal(report.unfinished[0]?.targets['ftp']?.state, 'done');
        assert.equal(bench.engine.waits(report.unfinished[0])[0]?.reason, 'no route');
      },
    ));
});

describe('Engine, when things go wrong', () => {
  it('asks a source that cuts the line only for what is missing', () => {
    let cuts = 2;
    const before = (operation: string, _path: string, offset: number) => {
      if (operation !== 'read' || offset < 4096 * (3 - cuts) || cuts === 0) return;
      cuts -= 1;
      throw new FileSyncError('timeout', 'lost');
    };
    return onBench({ source: { before } }, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.deepEqual(
        bench.source.reads.map(({ offset }) => offset),
        [0, 4096, 8192],
      );
      assert.deepEqual(bench.target().files.get('cam/a.ulg'), Buffer.from(A));
    });
  });

  it('fetches again what arrived corrupt, and never passes it on', () =>
    onBench({ source: { capabilities: { checksum: 'crc32-mavlink' } } }, async bench => {
      bench.source.put('a.ulg', A);
      const checksum = bench.source.checksum.bind(bench.source);
      let wrong = 1;
      bench.source.checksum = async (file, signal) =>
        wrong-- > 0 ? { algorithm: 'crc32-mavlink', value: 'deadbeef' } : checksum(file, signal);
      await bench.engine.pass();
      assert.deepEqual(
        bench.source.reads.map(({ offset }) => offset),
        [0, 0],
      );
      assert.equal(bench.target().writes.length, 1);
    }));

  it('marks as VANISHED what is gone before it was fetched, and takes it when it is back', () => {
    const before = (operation: string) => {
      if (operation === 'read') throw new FileSyncError('not-found', 'gone');
    };
    const options = { before };
    return onBench({ source: options }, async bench => {
      bench.source.put('a.ulg', A, 1000);
      await bench.engine.pass();
      assert.deepEqual(states(bench), ['a.ulg VANISHED']);
    });
  });

  it('gives up on what a target refuses, says why, and a retry brings it back', () => {
    let refuse = true;
    const before = (operation: string) => {
      if (operation === 'write' && refuse)
        throw new FileSyncError('rejected', 'not a log', { device: 'ftp' });
    };
    return onBench({ targets: { ftp: { before } } }, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      const record = bench.record('a.ulg') as FileRecord;
      assert.equal(stateOf(record), FileState.FAILED);
      assert.match(reasonOf(record), /ftp: not a log/);
      refuse = false;
      const done = reaches(bench, 'a.ulg', FileState.UPLOADED);
      await bench.engine.records.commit(record.id, { type: 'Retried' });
      assert.equal(reasonOf(await done), '');
    });
  });

  it('tries a temporary failure of a target again', () => {
    let failures = 3;
    const before = (operation: string) => {
      if (operation === 'write' && failures-- > 0) throw new FileSyncError('busy', '421', { device: 'ftp' });
    };
    return onBench({ targets: { ftp: { before } } }, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
    });
  });

  it('understands a file that arrived although the answer was lost', () => {
    let lose = true;
    const bench: { now?: Bench } = {};
    const before = (operation: string) => {
      if (operation !== 'commit' || !lose) return;
      lose = false;
      bench.now?.target().files.set('cam/a.ulg', Buffer.from(A));
      throw new FileSyncError('timeout', 'no answer', { device: 'ftp' });
    };
    return onBench({ targets: { ftp: { before } } }, async one => {
      bench.now = one;
      one.source.put('a.ulg', A);
      await one.engine.pass();
      assert.equal(one.target().writes.length, 1);
      assert.equal(one.record('a.ulg')?.targets['ftp']?.verified, 'hash');
    });
  });

  it('never overwrites a stranger of the same name on the target', () =>
    onBench({}, async bench => {
      const stranger = Buffer.from(sample(A.length, 9));
      bench.target().files.set('cam/a.ulg', stranger);
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.deepEqual(bench.target().files.get('cam/a.ulg'), stranger);
      assert.deepEqual(bench.target().files.get(`cam/a~${bench.record('a.ulg')?.id}.ulg`), Buffer.from(A));
    }));

  it('fetches again when the local copy was damaged or removed before it was delivered', () => {
    let first = true;
    const damage: { by?: () => Promise<void> } = {};
    const before = async (operation: string) => {
      if (operation !== 'write' || !first) return;
      first = false;
      await damage.by?.();
    };
    return onBench({ targets: { ftp: { before } } }, async bench => {
      damage.by = () => writeFile(join(bench.folder, 'cam/a.ulg'), sample(A.length, 7));
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.deepEqual(bench.target().files.get('cam/a.ulg'), Buffer.from(A));
      assert.equal(bench.source.reads.length, 2);
    });
  });
});

describe('Engine, after a crash', () => {
  const left = (changes: Partial<FileRecord>): FileRecord =>
    camRecord(A.length, {
      copy: { state: 'whole' },
      sha256: sha256(A),
      ...changes,
    });

  async function afterCrash(
    record: FileRecord,
    options: Parameters<typeof onBench>[0],
    test: (bench: Bench) => Promise<void>,
  ) {
    await onBench({ store: new MemoryStore([record]), ...options }, async bench => {
      const part = await bench.local.begin(record.local, undefined, new AbortController().signal);
      await part.append(A);
      await part.commit();
      await part.close();
      await test(bench);
    });
  }

  it('delivers what was queued', () =>
    afterCrash(left({}), {}, async bench => {
      await bench.engine.pass();
      assert.deepEqual(bench.target().files.get('cam/a.ulg'), Buffer.from(A));
    }));

  it('knows a whole download whose record had not said so yet', () =>
    afterCrash(left({ copy: { state: 'fetching' } }), {}, async bench => {
      await bench.engine.pass();
      assert.deepEqual(bench.source.reads, []);
      assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
    }));

  it('sends again, to a target that cannot tell, what it had not begun to commit', () =>
    afterCrash(
      left({ targets: { ftp: { state: 'sending', path: 'cam/a.ulg' } } }),
      { targets: { ftp: { capabilities: { stat: false, checksum: false, resume: false } } } },
      async bench => {
        await bench.engine.pass();
        assert.equal(bench.target().writes.length, 1);
        assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
      },
    ));

  const committing = {
    targets: { ftp: { state: 'committing', path: 'cam/a.ulg' } },
  } as const;
  const blind = { stat: false, checksum: false, resume: false } as const;

  it('does not send again, to a target that cannot tell, what may have arrived', () =>
    afterCrash(left(committing), { targets: { ftp: { capabilities: blind } } }, async bench => {
      await bench.engine.pass();
      assert.deepEqual(bench.target().writes, []);
      assert.deepEqual(states(bench), ['a.ulg FAILED']);
      assert.match(reasonOf(bench.record('a.ulg') as FileRecord), /may have arrived.*retry/);
    }));

  it('sends it again where the configuration says so', () =>
    afterCrash(
      left(committing),
      { targets: { ftp: { capabilities: { ...blind, resend: true } } } },
      async bench => {
        await bench.engine.pass();
        assert.equal(bench.target().writes.length, 1);
        assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
      },
    ));

  it('asks a target that can tell', () =>
    afterCrash(left(committing), {}, async bench => {
      bench.target().files.set('cam/a.ulg', Buffer.from(A));
      await bench.engine.pass();
      assert.deepEqual(bench.target().writes, []);
      assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
    }));

  it('asks a target that can tell, even if no record of the upload had reached the disk', () =>
    afterCrash(left({}), {}, async bench => {
      bench.target().files.set('cam/a.ulg', Buffer.from(A));
      await bench.engine.pass();
      assert.deepEqual([...bench.target().files.keys()], ['cam/a.ulg']);
      assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
      assert.equal(bench.record('a.ulg')?.targets['ftp']?.verified, 'hash');
    }));

  it('has asked no target about an upload that was never tried', () => {
    const asked: string[] = [];
    const before = (operation: string) => void (operation === 'stat' && asked.push(operation));
    return afterCrash(left({}), { targets: { ftp: { before } } }, async bench => {
      await bench.engine.pass();
      assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
      assert.deepEqual(asked, []);
    });
  });

  it('fetches again what is no longer there to be delivered', () =>
    afterCrash(left({}), {}, async bench => {
      await rm(join(bench.folder, 'cam'), { recursive: true });
      bench.source.put('a.ulg', A, 1000);
      await bench.engine.pass();
      assert.equal(bench.source.reads.length, 1);
      assert.deepEqual(bench.target().files.get('cam/a.ulg'), Buffer.from(A));
    }));

  it('gives unfinished files the targets that rules name by now', () =>
    afterCrash(
      left({}),
      { targets: { ftp: {}, web: {} }, rules: [rule({ to: ['ftp', 'web'] })] },
      async bench => {
        await bench.engine.pass();
        assert.deepEqual(bench.target('web').files.get('cam/a.ulg'), Buffer.from(A));
      },
    ));
});

describe('Engine, afterwards', () => {
  const deleting = rule({ after: { source: 'delete', local: { kind: 'keep' } } });

  it('deletes from the source what every target has', () =>
    onBench({ rules: [deleting] }, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.equal(bench.source.has('a.ulg'), false);
      assert.deepEqual(states(bench), ['a.ulg REMOVED']);
    }));

  it('asks for a checksum that would only reread the file before it deletes, not after the download', () => {
    const checksums: string[] = [];
    const note = (operation: string, path: string) => void (operation === 'checksum' && checksums.push(path));
    const source = { capabilities: { checksumRereads: true }, before: note };
    const rules = [
      rule({ include: ['gone'], after: { source: 'delete', local: { kind: 'keep' } } }),
      rule({ include: ['kept'] }),
    ];
    return onBench({ source, rules }, async bench => {
      bench.source.put('gone', A);
      bench.source.put('kept', B);
      await bench.engine.pass();
      assert.deepEqual(states(bench).sort(), ['gone REMOVED', 'kept UPLOADED']);
      assert.deepEqual(checksums, ['gone']);
    });
  });

  it('never deletes what a target has not got', () =>
    onBench(
      {
        rules: [{ ...deleting, to: ['ftp', 'web'] }],
        targets: { ftp: {}, web: {} },
        policy: { maxWaitMs: 5 },
      },
      async bench => {
        bench.target('web').availability.next({ available: false, reason: 'away', armed: false });
        bench.source.put('a.ulg', A);
        await bench.engine.pass();
        assert.equal(bench.source.has('a.ulg'), true);
        assert.deepEqual(states(bench), ['a.ulg PARTIAL']);
      },
    ));

  it('never deletes a source file that changed meanwhile', () => {
    const options = { before: async (operation: string) => void (operation === 'commit' && change()) };
    let change = () => {};
    return onBench({ rules: [deleting], targets: { ftp: options } }, async bench => {
      bench.source.put('a.ulg', A, 1000);
      change = () => bench.source.put('a.ulg', sample(A.length, 5), 1000);
      await bench.engine.pass();
      assert.equal(bench.source.has('a.ulg'), true);
      assert.match(reasonOf(bench.record('a.ulg') as FileRecord), /not removed from the source.*other bytes/);
    });
  });

  it('takes a file that is just like one it removed for a new one', () =>
    onBench({ rules: [deleting] }, async bench => {
      bench.source.put('a.ulg', A, 1000);
      await bench.engine.pass();
      bench.source.put('a.ulg', A, 1000);
      await bench.engine.start();
      await eventually(
        async () => bench.records().filter(one => stateOf(one) === FileState.REMOVED).length === 2,
      );
    }));

  it('removes local copies as the rule says, after the source was looked at once more', () =>
    onBench({ rules: [rule({ after: { source: 'delete', local: { kind: 'delete' } } })] }, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.deepEqual(states(bench), ['a.ulg REMOVED']);
      assert.equal(bench.record('a.ulg')?.copy.state, 'evicted');
      assert.deepEqual(await readdir(bench.folder), []);
    }));

  it('goes on, and says so, when a local copy cannot be removed; the others go', async () => {
    const clock = new VirtualClock();
    await onBench(
      { clock, rules: [rule({ after: { source: 'keep', local: { kind: 'delete' } } })] },
      async bench => {
        const remove = bench.local.remove.bind(bench.local);
        bench.local.remove = async name => {
          if (name.endsWith('a.ulg')) throw new FileSyncError('denied', 'no permission');
          await remove(name);
        };
        bench.source.put('a.ulg', A);
        bench.source.put('b.ulg', B);
        await bench.engine.start();
        await eventually(
          async () => bench.records().filter(one => stateOf(one) === FileState.UPLOADED).length === 2,
        );
        await eventually(async () => bench.record('b.ulg')?.copy.state === 'evicted');
        assert.equal(bench.record('a.ulg')?.copy.state, 'whole');
        await eventually(async () =>
          /local copy cannot be removed.*no permission/.test(bench.logger.messages('warn').join()),
        );
        bench.local.remove = remove;
        await clock.advance(100);
        await eventually(async () => bench.record('a.ulg')?.copy.state === 'evicted');
      },
    );
  });
});

describe('Engine, as a daemon', () => {
  it('finds what appears later', () =>
    onBench({}, async bench => {
      await bench.engine.start();
      bench.source.put('a.ulg', A);
      await reaches(bench, 'a.ulg', FileState.UPLOADED);
      bench.source.put('b.ulg', B);
      await reaches(bench, 'b.ulg', FileState.UPLOADED);
    }));

  it('goes on uploading while the source is away, and fetching while a target is', () =>
    onBench({}, async bench => {
      bench.target().availability.next({ available: false, reason: 'no internet', armed: false });
      bench.source.put('a.ulg', A);
      await bench.engine.start();
      await reaches(bench, 'a.ulg', FileState.DOWNLOADED);
      bench.source.availability.next({ available: false, reason: 'pulled', armed: false });
      bench.target().availability.next({ available: true, reason: '', armed: false });
      await reaches(bench, 'a.ulg', FileState.UPLOADED);
    }));

  it('lets the vehicle alone while it is armed, and goes on uploading', () =>
    onBench({}, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.start();
      await reaches(bench, 'a.ulg', FileState.UPLOADED);
      bench.source.availability.next({ available: true, reason: '', armed: true });
      bench.source.put('b.ulg', B);
      const listings = bench.source.reads.length;
      await systemClock.sleep(30);
      assert.equal(bench.record('b.ulg'), undefined);
      assert.equal(bench.source.reads.length, listings);
      bench.source.availability.next({ available: true, reason: '', armed: false });
      await reaches(bench, 'b.ulg', FileState.UPLOADED);
    }));

  it('stops in the middle of a transfer and resumes there', async () => {
    const store = new MemoryStore();
    let hold = true;
    const before = async (operation: string, _path: string, offset: number) => {
      while (operation === 'read' && offset >= 4096 && hold) await systemClock.sleep(1);
    };
    const first = await makeBench({ store, source: { before } });
    first.source.put('a.ulg', A, 1000);
    await first.engine.start();
    await eventually(async () => (await readdir(join(first.folder, 'cam')).catch(() => [])).length > 0);
    const stopped = first.engine.stop();
    hold = false;
    await stopped;
    assert.deepEqual(states(first), ['a.ulg FOUND']);
    const again = await makeBench({ store: new MemoryStore(store.all()), folder: first.folder });
    again.source.put('a.ulg', A, 1000);
    await again.engine.pass();
    assert.deepEqual(again.target().files.get('cam/a.ulg'), Buffer.from(A));
    await again.engine.stop();
    await first.remove();
  });

  it('drops the work of a forgotten file', () =>
    onBench({}, async bench => {
      bench.target().availability.next({ available: false, reason: 'away', armed: false });
      bench.source.put('a.ulg', A);
      await bench.engine.start();
      const { id } = await reaches(bench, 'a.ulg', FileState.DOWNLOADED);
      bench.source.take('a.ulg');
      await bench.store.delete(id);
      bench.target().availability.next({ available: true, reason: '', armed: false });
      await systemClock.sleep(20);
      assert.deepEqual(bench.records(), []);
      assert.deepEqual(bench.target().writes, []);
    }));

  it('does nothing while it is paused', () =>
    onBench({}, async bench => {
      bench.engine.pause(true);
      bench.source.put('a.ulg', A);
      await bench.engine.start();
      await systemClock.sleep(30);
      assert.deepEqual(bench.records(), []);
      bench.engine.pause(false);
      await reaches(bench, 'a.ulg', FileState.UPLOADED);
    }));
});

describe('What is on disk when a target may hold the file', () => {
  const committed = async (capabilities: Partial<TargetCapabilities>, rules = [rule()]) => {
    const store = new LateStore();
    const held: FileRecord[] = [];
    const before = (operation: string) => {
      if (operation === 'commit') held.push(...store.onDisk.values());
    };
    await onBench({ store, rules, targets: { ftp: { capabilities, before } } }, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.pass();
      assert.deepEqual(states(bench), ['a.ulg UPLOADED']);
    });
    assert.equal(held.length, 1);
    return held[0];
  };

  it('is where to ask for it, if the target can be asked', async () => {
    const record = await committed({});
    assert.deepEqual(record?.targets['ftp'], { state: 'pending', path: 'cam/a.ulg' });
    assert.equal(record.sha256, sha256(A));
  });

  it('is that it may hold it, if the target cannot be asked', async () => {
    const record = await committed({ stat: false, checksum: false, resume: false });
    assert.deepEqual(record?.targets['ftp'], { state: 'committing', path: 'cam/a.ulg', tried: true });
  });

  it('is also the hash of a stream, which no other part knows', async () => {
    const record = await committed({}, [rule({ via: 'stream' })]);
    assert.deepEqual(record?.targets['ftp'], { state: 'committing', path: 'cam/a.ulg', tried: true });
    assert.equal(record.sha256, sha256(A));
  });
});
