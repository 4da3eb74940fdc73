import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { FileSyncError } from '../../../src/errors.js';
import { stateName, stateOf } from '../../../src/record/state.js';
import type { FileRecord } from '../../../src/ports.js';
import { untilAborted } from '../../../src/system/deadline.js';
import { eventually, sample } from '../../conformance/support.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { makeBench, onBench, rule, type Bench } from '../engine/bench.js';

const data = (name: string): Buffer => readFileSync(new URL(`../../data/${name}`, import.meta.url));

/** 9.78 s, 487 KB. */
const FLIGHT = data('flight-appended.ulg');
/** 3.851 s, 200 KB, cut. */
const CUT = data('flight-cut.ulg');
/** 20 s, 3 KB, with the time of GPS and a position. */
const COPTER = data('flight.bin');

const facts = {};
const delete_ = { source: 'keep', local: { kind: 'delete' } } as const;

const recordOf = (bench: Bench, path: string) => bench.record(path) as FileRecord;
const state = (bench: Bench, path: string) => stateName(stateOf(recordOf(bench, path)));

describe('Facts of local copies', () => {
  it('are read when a copy is whole, and the pass ends after that', () =>
    onBench({ facts }, async bench => {
      bench.source.put('a.ulg', FLIGHT);
      bench.source.put('b.BIN', COPTER);
      bench.source.put('c.txt', sample(1000));
      await bench.engine.pass();
      assert.equal(recordOf(bench, 'a.ulg').facts?.duration, 9780);
      assert.equal(recordOf(bench, 'a.ulg').facts?.warnings, 1);
      assert.equal(recordOf(bench, 'b.BIN').facts?.vehicle, '003B00363138511333343733');
      assert.equal(recordOf(bench, 'c.txt').facts, undefined);
      assert.deepEqual(bench.source.reads.map(({ path }) => path).sort(), ['a.ulg', 'b.BIN', 'c.txt']);
    }));

  it('hold a position only where that is asked for', async () => {
    for (const position of [false, true])
      await onBench({ facts: { facts: { position } } }, async bench => {
        bench.source.put('b.bin', COPTER);
        await bench.engine.pass();
        assert.equal(recordOf(bench, 'b.bin').facts?.position !== undefined, position);
      });
  });

  it('are not read where the configuration says so', () =>
    onBench({ facts: { facts: false } }, async bench => {
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.pass();
      assert.equal(state(bench, 'a.ulg'), 'UPLOADED');
      assert.equal(recordOf(bench, 'a.ulg').facts, undefined);
    }));

  it('are read before a copy goes', () =>
    onBench({ facts, rules: [rule({ after: delete_ })] }, async bench => {
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.pass();
      assert.equal(recordOf(bench, 'a.ulg').copy.state, 'evicted');
      assert.equal(recordOf(bench, 'a.ulg').facts?.duration, 9780);
    }));

  it('are read after a restart, of what was fetched before', async () => {
    const store = new MemoryStore();
    const before = await makeBench({ store });
    try {
      before.source.put('a.ulg', FLIGHT);
      await before.engine.pass();
      assert.equal(recordOf(before, 'a.ulg').facts, undefined);
      const bench = await makeBench({ store, folder: before.folder, facts });
      await bench.engine.start();
      await eventually(async () => recordOf(bench, 'a.ulg').facts?.duration === 9780);
      await bench.engine.stop();
    } finally {
      await before.engine.stop();
      await before.remove();
    }
  });

  it('of what is no such file are absent, and it is delivered', () =>
    onBench(
      { facts, rules: [rule({ minDuration: 20_000, path: '{log.start|device}/{file.path}' })] },
      async bench => {
        bench.source.put('a.ulg', sample(300_000));
        bench.source.put('empty.ulg', sample(0));
        await bench.engine.pass();
        for (const path of ['a.ulg', 'empty.ulg']) {
          assert.equal(state(bench, path), 'UPLOADED');
          assert.equal(recordOf(bench, path).facts, undefined);
          assert.equal(recordOf(bench, path).targets['ftp']?.path, `cam/${path}`);
        }
      },
    ));

  it('end with the program, whatever is being read', () =>
    onBench({ facts }, async bench => {
      bench.local.reading = () => new Promise(() => undefined);
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.start();
      await eventually(async () => bench.records().length === 1 && state(bench, 'a.ulg') === 'UPLOADED');
      await bench.engine.stop();
      assert.equal(recordOf(bench, 'a.ulg').facts, undefined);
    }));
});

describe('Names that need facts', () => {
  const path = '{log.vehicle}/{log.start|file.date}/{log.duration}/{log.firmware}/{file.name}';

  it('are chosen when the copy has been read', () =>
    onBench({ facts, rules: [rule({ path })] }, async bench => {
      bench.source.put('x/b.bin', COPTER);
      bench.source.put('c.txt', sample(10), Date.UTC(2026, 0, 1));
      await bench.engine.pass();
      assert.deepEqual([...bench.target().files.keys()].sort(), [
        '003B00363138511333343733/2026-07-02T09-30-07Z/20/ArduCopter V4.5.7 (2a3dc4b7)/b.bin',
        'unknown/2026-01-01T00-00-00Z/unknown/unknown/c.txt',
      ]);
    }));

  it('of streams are chosen by the ends of the file on its source', () =>
    onBench({ facts, rules: [rule({ path, via: 'stream' })] }, async bench => {
      bench.source.put('a.ulg', FLIGHT, Date.UTC(2026, 0, 1));
      await bench.engine.pass();
      const vehicle = '0035002B3434511732343031';
      const firmware = 'PX4 v1.6.0 dev f54a6c2999e1';
      assert.deepEqual(
        [...bench.target().files.keys()],
        [`${vehicle}/2026-01-01T00-00-00Z/10/${firmware}/a.ulg`],
      );
      assert.equal(recordOf(bench, 'a.ulg').facts?.endsOnly, true);
    }));

  it('of streams from where no ranges can be read are the fallback', () =>
    onBench(
      { facts, rules: [rule({ path, via: 'stream' })], source: { capabilities: { resume: false } } },
      async bench => {
        bench.source.put('a.ulg', FLIGHT, Date.UTC(2026, 0, 1));
        await bench.engine.pass();
        assert.deepEqual(
          [...bench.target().files.keys()],
          ['unknown/2026-01-01T00-00-00Z/unknown/unknown/a.ulg'],
        );
      },
    ));

  it('that are the same for two files are not given to both', () =>
    onBench({ facts, rules: [rule({ path: '{log.vehicle}.ulg' })], targets: { ftp: {} } }, async bench => {
      bench.source.put('a.ulg', FLIGHT);
      bench.source.put('b.ulg', CUT);
      await bench.engine.pass();
      const names = [...bench.target().files.keys()];
      assert.equal(names.length, 2);
      assert.equal(bench.records().filter(record => stateName(stateOf(record)) === 'UPLOADED').length, 2);
    }));

  it('are chosen once: what is learned later changes none', () => {
    let refusals = 0;
    const before = (operation: string): void => {
      if (operation === 'write' && refusals++ < 2) throw new FileSyncError('busy', 'not now');
    };
    const rules = [rule({ path: '{log.vehicle}/{file.path}' })];
    return onBench({ facts, rules, targets: { ftp: { before } } }, async bench => {
      bench.local.reading = async () => Promise.reject(new FileSyncError('io', 'a bad block'));
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.start();
      await eventually(async () => refusals > 0);
      const { id } = recordOf(bench, 'a.ulg');
      bench.engine.records.apply(id, { type: 'FactsRead', facts: { format: 'ulog', vehicle: 'x' } });
      await eventually(async () => state(bench, 'a.ulg') === 'UPLOADED');
      assert.deepEqual([...bench.target().files.keys()], ['unknown/a.ulg']);
    });
  });
});

describe('min_duration', () => {
  const rules = [rule({ minDuration: 20_000 })];
  const reason = /^min_duration: 20s \(it is 9\.7 s long; filesync fetch ID takes it\)$/;

  it('judges a log by its ends before it is fetched', () =>
    onBench({ facts, rules }, async bench => {
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.pass();
      assert.equal(state(bench, 'a.ulg'), 'SKIPPED');
      assert.match(recordOf(bench, 'a.ulg').skipped ?? '', reason);
      assert.equal(recordOf(bench, 'a.ulg').facts?.endsOnly, true);
      assert.equal(bench.target().files.size, 0);
      assert.ok(bench.source.bytesRead <= 180_000, `${bench.source.bytesRead} bytes of ${FLIGHT.length}`);
    }));

  it('is overridden by a person, and all facts are read then', () =>
    onBench({ facts, rules }, async bench => {
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.start();
      await eventually(async () => bench.records().length === 1 && state(bench, 'a.ulg') === 'SKIPPED');
      bench.engine.records.apply(recordOf(bench, 'a.ulg').id, { type: 'Asked' });
      await eventually(async () => recordOf(bench, 'a.ulg').facts?.endsOnly === undefined);
      await eventually(async () => state(bench, 'a.ulg') === 'UPLOADED');
      assert.equal(recordOf(bench, 'a.ulg').facts?.warnings, 1);
    }));

  it('takes a log that is long enough', () =>
    onBench({ facts, rules: [rule({ minDuration: 9_000 })] }, async bench => {
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.pass();
      assert.equal(state(bench, 'a.ulg'), 'UPLOADED');
    }));

  it('judges a log that was fetched: it is not delivered, and its copy goes', () =>
    onBench({ facts, rules, source: { capabilities: { resume: false } } }, async bench => {
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.pass();
      assert.equal(state(bench, 'a.ulg'), 'SKIPPED');
      assert.match(recordOf(bench, 'a.ulg').skipped ?? '', reason);
      assert.equal(bench.target().files.size, 0);
      assert.equal(recordOf(bench, 'a.ulg').copy.state, 'none');
      assert.equal(await bench.local.stat(recordOf(bench, 'a.ulg').local), undefined);
      assert.ok(bench.source.has('a.ulg'));
    }));

  it('keeps the copy of a log that a person asks for while it is about to go', () =>
    onBench({ facts, rules, source: { capabilities: { resume: false } } }, async bench => {
      const remove = bench.local.remove.bind(bench.local);
      bench.local.remove = async (...request) => {
        bench.engine.records.apply(recordOf(bench, 'a.ulg').id, { type: 'Asked' });
        await remove(...request);
      };
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.pass();
      assert.deepEqual([state(bench, 'a.ulg'), recordOf(bench, 'a.ulg').copy.state], ['UPLOADED', 'whole']);
      const fetches = bench.logger.messages().filter(message => message.includes('a.ulg: downloaded'));
      assert.equal(fetches.length, 1);
    }));

  it('keeps the copy of a log that its source does not have any more', () =>
    onBench({ facts, rules, source: { capabilities: { resume: false } } }, async bench => {
      const reading = bench.local.reading.bind(bench.local);
      bench.local.reading = async (...args) => {
        const { id } = recordOf(bench, 'a.ulg');
        bench.engine.records.apply(id, { type: 'Gone', asOf: Infinity });
        return reading(...args);
      };
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.pass();
      assert.equal(recordOf(bench, 'a.ulg').skipped?.startsWith('min_duration'), true);
      assert.equal(recordOf(bench, 'a.ulg').copy.state, 'whole');
      assert.notEqual(await bench.local.stat(recordOf(bench, 'a.ulg').local), undefined);
    }));

  it('keeps the copy from before a restart: the source has not been listed since', async () => {
    const store = new MemoryStore();
    const isDown = { available: false, reason: 'down', armed: false };
    const before = await makeBench({ store });
    try {
      before.target().availability.next(isDown);
      before.source.put('a.ulg', FLIGHT);
      await before.engine.pass();
      await before.engine.stop();
      assert.equal(recordOf(before, 'a.ulg').copy.state, 'whole');
      const reopened = store.reopened();
      await reopened.put({ ...recordOf(before, 'a.ulg'), targets: { ftp: { state: 'pending' } } });
      // The card was formatted meanwhile, and its listing takes long.
      const bench = await makeBench({ store: reopened, folder: before.folder, facts, rules });
      bench.target().availability.next(isDown);
      bench.source.list = async function* (signal) {
        await untilAborted(signal);
        yield* [];
        throw new FileSyncError('cancelled', 'cancelled');
      };
      await bench.engine.start();
      await eventually(async () => recordOf(bench, 'a.ulg').facts?.duration === 9780);
      await eventually(async () => reason.test(recordOf(bench, 'a.ulg').skipped ?? ''));
      await bench.engine.stop();
      assert.equal(recordOf(bench, 'a.ulg').copy.state, 'whole');
      assert.notEqual(await bench.local.stat(recordOf(bench, 'a.ulg').local), undefined);
    } finally {
      await before.engine.stop();
      await before.remove();
    }
  });

  it('reads nothing over the link of an armed vehicle', () =>
    onBench({ facts, rules: [rule({ minDuration: 20_000, whileArmed: 'continue' })] }, async bench => {
      bench.source.availability.next({ available: true, reason: '', armed: true });
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.pass();
      assert.deepEqual(bench.source.reads, [{ path: 'a.ulg', offset: 0 }]);
      assert.equal(state(bench, 'a.ulg'), 'SKIPPED');
    }));

  it('fetches a log whose ends cannot be read, after one attempt', () => {
    const before = (operation: string, _path: string, offset: number): void => {
      if (operation === 'read' && offset > 400_000 && failures++ === 0) throw new Error('a bad block');
    };
    let failures = 0;
    return onBench({ facts, rules, source: { before } }, async bench => {
      bench.source.put('a.ulg', FLIGHT);
      await bench.engine.pass();
      assert.equal(state(bench, 'a.ulg'), 'SKIPPED');
      assert.equal(recordOf(bench, 'a.ulg').facts?.endsOnly, undefined);
    });
  });

  it('takes a file that one of its rules takes, for that target alone', () =>
    onBench(
      { facts, rules: [rule({ minDuration: 20_000 }), rule({ to: ['web'] })], targets: { ftp: {}, web: {} } },
      async bench => {
        bench.source.put('a.ulg', FLIGHT);
        await bench.engine.pass();
        assert.equal(state(bench, 'a.ulg'), 'UPLOADED');
        assert.deepEqual(Object.keys(recordOf(bench, 'a.ulg').targets), ['web']);
        assert.equal(bench.target('ftp').files.size, 0);
      },
    ));

  it('takes what does not say how long it is', () =>
    onBench({ facts, rules }, async bench => {
      bench.source.put('a.jpg', data('photo.jpg'));
      bench.source.put('a.txt', sample(500_000));
      await bench.engine.pass();
      assert.equal(bench.target().files.size, 2);
    }));
});
