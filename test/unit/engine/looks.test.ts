import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import { FileSyncError } from '../../../src/errors.js';
import { stateOf } from '../../../src/record/state.js';
import { FileState } from '../../../src/ports.js';
import { listRequestsSoFar, mavlinkBench, type MavlinkBench } from '../../conformance/mavlink-bench.js';
import { eventually, sample } from '../../conformance/support.js';
import { mavrosBench } from '../../ros/mavros-bench.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { onBench, rule, type Bench, type BenchOptions } from './bench.js';

const INTERVAL = 10_000;
const HOUR = 3_600_000;
const A = sample(3_000, 1);

/** An engine whose time the test moves. */
async function inVirtualTime(
  options: BenchOptions,
  test: (bench: Bench, clock: VirtualClock) => Promise<void>,
): Promise<void> {
  const clock = new VirtualClock();
  await onBench({ clock, interval: INTERVAL, ...options }, async bench => {
    await bench.engine.start();
    await looked(bench);
    await test(bench, clock);
  });
}

const looked = (bench: Bench) =>
  firstValueFrom(bench.engine.pending.pipe(filter(({ finds }) => finds === 0)));

/** The next look, to its end. */
async function nextLook(bench: Bench, clock: VirtualClock): Promise<void> {
  await clock.advance(INTERVAL);
  await looked(bench);
}

const onMemory = (test: (bench: Bench, clock: VirtualClock) => Promise<void>, settle = 0) =>
  inVirtualTime({ source: { changes: true }, rules: [rule({ settle })] }, test);

async function reaches(bench: Bench, path: string, state: FileState): Promise<void> {
  await eventually(async () => stateIs(bench, path, state));
}

function stateIs(bench: Bench, path: string, state: FileState): boolean {
  const record = bench.record(path);
  return record !== undefined && stateOf(record) === state;
}

/** As a folder that is closed to us makes it: the listing ends with an error. */
function closeFolder(bench: Bench): void {
  const list = bench.source.list.bind(bench.source);
  bench.source.list = async function* (signal) {
    yield* list(signal);
    throw new FileSyncError('denied', 'closed/: no permission');
  };
}

describe('Finder, a source of which a part is closed', () => {
  it('takes what it can see, says so once, and takes nothing for vanished', () =>
    inVirtualTime({}, async (bench, clock) => {
      const read = bench.source.read.bind(bench.source);
      bench.source.read = (file, offset, signal) => {
        if (file.path === 'a.ulg') return read(file, offset, signal);
        throw new FileSyncError('denied', 'closed/: no permission');
      };
      bench.source.put('closed/b.ulg', A);
      await nextLook(bench, clock);
      await reaches(bench, 'closed/b.ulg', FileState.FOUND);
      bench.source.take('closed/b.ulg');
      bench.source.put('a.ulg', A);
      closeFolder(bench);
      await nextLook(bench, clock);
      await nextLook(bench, clock);
      await reaches(bench, 'a.ulg', FileState.UPLOADED);
      assert.ok(stateIs(bench, 'closed/b.ulg', FileState.FOUND));
      const told = bench.logger.messages('warn').filter(text => text.includes('listing incomplete'));
      assert.equal(told.length, 1);
    }));

  it('is what the report of a pass tells', () =>
    onBench({}, async bench => {
      bench.source.put('a.ulg', A);
      closeFolder(bench);
      const { scans, delivered } = await bench.engine.pass();
      assert.deepEqual(
        delivered.map(({ path }) => path),
        ['a.ulg'],
      );
      assert.equal(scans[0]?.error?.kind, 'denied');
    }));
});

describe('Finder, looks at the changes', () => {
  it('looks at everything at the start, then at what changed, and at everything again after an hour', () =>
    onMemory(async (bench, clock) => {
      for (let count = 0; count < 3; count++) await nextLook(bench, clock);
      assert.deepEqual(bench.source.looks, ['everything', [], [], []]);
      await clock.advance(HOUR);
      await looked(bench);
      assert.equal(bench.source.looks.filter(look => look === 'everything').length, 2);
    }));

  it('takes what a look at the changes shows', () =>
    onMemory(async (bench, clock) => {
      bench.source.put('new.ulg', A);
      await nextLook(bench, clock);
      await reaches(bench, 'new.ulg', FileState.UPLOADED);
      assert.deepEqual(bench.source.looks, ['everything', []]);
    }));

  it('follows what is growing until it has settled', () =>
    onMemory(async (bench, clock) => {
      const later = clock.now() + HOUR;
      // One that was seen to grow has to stand still twice as long.
      for (const size of [100, 200, 200, 200]) {
        assert.equal(bench.record('log.ulg'), undefined);
        bench.source.put('log.ulg', sample(size), later);
        await nextLook(bench, clock);
      }
      assert.equal(bench.record('log.ulg')?.size, 200);
      assert.deepEqual(bench.source.looks.slice(0, 4), ['everything', [], ['log.ulg'], ['log.ulg']]);
    }, INTERVAL));

  it('takes a growing file that was gone for a time for a new one', () =>
    onMemory(async (bench, clock) => {
      const later = clock.now() + HOUR;
      bench.source.put('log.ulg', A, later);
      await nextLook(bench, clock);
      bench.source.take('log.ulg');
      await nextLook(bench, clock);
      bench.source.put('log.ulg', A, later);
      await nextLook(bench, clock);
      assert.equal(bench.record('log.ulg'), undefined);
      await nextLook(bench, clock);
      assert.ok(bench.record('log.ulg'));
    }, INTERVAL));

  it('takes nothing for vanished that a look at the changes does not show', () =>
    onMemory(async (bench, clock) => {
      bench.engine.setWhileArmed('continue');
      bench.source.put('a.ulg', A);
      const read = bench.source.read.bind(bench.source);
      bench.source.read = () => {
        throw new FileSyncError('io', 'not now');
      };
      await nextLook(bench, clock);
      await nextLook(bench, clock);
      assert.ok(!stateIs(bench, 'a.ulg', FileState.VANISHED));
      assert.deepEqual(bench.source.looks, ['everything', [], []]);
      bench.source.read = read;
    }));

  const distrusts: Record<string, (bench: Bench, clock: VirtualClock) => Promise<void> | void> = {
    'a rescan': bench => bench.engine.rescan(),
    'the device was away': bench => {
      const there = bench.source.availability.value;
      bench.source.availability.next({ ...there, available: false });
      bench.source.availability.next(there);
    },
    'the vehicle was armed': async (bench, clock) => {
      const there = bench.source.availability.value;
      bench.source.availability.next({ ...there, armed: true });
      bench.source.availability.next(there);
      await clock.advance(2_000);
    },
    'a record was forgotten': async bench => {
      bench.source.put('a.ulg', A);
      bench.engine.rescan();
      await reaches(bench, 'a.ulg', FileState.UPLOADED);
      bench.source.looks.length = 0;
      await bench.engine.records.forget(bench.record('a.ulg')?.id ?? '');
    },
    'a file was not as it had been listed': async bench => {
      bench.source.put('a.ulg', A);
      bench.source.read = () => {
        throw new FileSyncError('changed', 'another size');
      };
      bench.engine.rescan();
      await eventually(async () => bench.record('a.ulg')?.reason === 'another size');
      bench.source.looks.length = 0;
    },
    'a look has failed': async (bench, clock) => {
      const listChanges = bench.source.listChanges;
      assert.ok(listChanges !== undefined);
      let failures = 1;
      Object.assign(bench.source, {
        listChanges: (...args: Parameters<typeof listChanges>) => {
          if (failures-- > 0) throw new FileSyncError('timeout', 'no answer');
          return listChanges(...args);
        },
      });
      await clock.advance(INTERVAL);
    },
  };
  for (const [what, happens] of Object.entries(distrusts))
    it(`looks at everything after ${what}`, () =>
      onMemory(async (bench, clock) => {
        const before = bench.source.looks.length;
        await happens(bench, clock);
        await clock.advance(INTERVAL);
        await looked(bench);
        const since = bench.source.looks.slice(Math.min(before, bench.source.looks.length - 1));
        assert.ok(since.includes('everything'), JSON.stringify(bench.source.looks));
      }));
});

const DAYS = 1_000;
const dayOf = (day: number) => `sess${String(day).padStart(4, '0')}`;

/** Past days with a log each, that no rule wants. */
async function fillCard(log: string): Promise<void> {
  for (let day = 1; day <= DAYS; day++) {
    await mkdir(join(log, dayOf(day)), { recursive: true });
    await writeFile(join(log, dayOf(day), 'log001.ulg'), 'old');
  }
}

interface Card {
  readonly log: string;
  readonly requests: () => number;
  readonly clock: VirtualClock;
  readonly bench: Bench;
}

const cards: Record<string, () => Promise<{ device: MavlinkBench; requests: () => number }>> = {
  mavlink: async () => {
    const device = await mavlinkBench();
    return { device, requests: listRequestsSoFar };
  },
  'mavros over an endpoint': async () => {
    const device = await mavrosBench({ transport: 'endpoint' });
    return { device, requests: listRequestsSoFar };
  },
  'mavros over the services': async () => {
    const device = await mavrosBench();
    return { device, requests: () => device.standIn.calls.length };
  },
};

for (const [name, make] of Object.entries(cards))
  describe(`Finder, a card with ${DAYS} day folders on ${name}`, function () {
    this.timeout(120_000);

    const onCard = async (test: (card: Card) => Promise<void>) => {
      const { device, requests } = await make();
      const log = join(device.card, 'log');
      await fillCard(log);
      const rules = [rule({ include: ['**/new*.ulg'] })];
      try {
        await inVirtualTime({ cam: device.source, rules }, (bench, clock) =>
          test({ log, requests, clock, bench }),
        );
      } finally {
        await device.close();
      }
    };

    /** Looks until the file is there. */
    const isFound = async ({ bench, clock }: Card, path: string, within: number) => {
      for (let count = 0; count < within && !bench.record(path); count++) await nextLook(bench, clock);
      await reaches(bench, path, FileState.UPLOADED);
    };

    it('is asked once an interval at the most while nothing happens, and for everything now and then', () =>
      onCard(async ({ bench, clock, requests }) => {
        assert.ok(requests() >= DAYS, `${requests()}`);
        for (let count = 0; count < 20; count++) {
          const before = requests();
          await nextLook(bench, clock);
          assert.ok(requests() - before <= 1, `${requests() - before} requests`);
        }
        const before = requests();
        await clock.advance(HOUR);
        await looked(bench);
        await nextLook(bench, clock);
        assert.ok(requests() - before >= DAYS);
      }));

    it('gives what is new in the newest folder, in a new one, and on another card', () =>
      onCard(async card => {
        const { log, bench } = card;
        await writeFile(join(log, dayOf(DAYS), 'new1.ulg'), A);
        await isFound(card, `${dayOf(DAYS)}/new1.ulg`, 3);
        await mkdir(join(log, dayOf(DAYS + 1)));
        await writeFile(join(log, dayOf(DAYS + 1), 'new2.ulg'), A);
        await isFound(card, `${dayOf(DAYS + 1)}/new2.ulg`, 3);
        await writeFile(join(log, dayOf(5), 'new3.ulg'), A);
        bench.engine.rescan();
        await isFound(card, `${dayOf(5)}/new3.ulg`, 1);
        await rm(join(log, dayOf(DAYS)), { recursive: true });
        await mkdir(join(log, dayOf(DAYS)));
        await writeFile(join(log, dayOf(DAYS), 'new4.ulg'), A);
        await isFound(card, `${dayOf(DAYS)}/new4.ulg`, 3);
      }));
  });
