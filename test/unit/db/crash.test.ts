import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore } from '../../../src/db/store.js';
import type { FileRecord, Store } from '../../../src/ports.js';
import { fileRecord } from '../../fakes/file-record.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { CrashDisk, randomFrom } from './crash-disk.js';

const PATH = `/nowhere/${randomUUID()}.json`;
const POWER_CUTS = 2;

type Step = { readonly put: FileRecord } | { readonly delete: string };

/** Some changes awaited, some side by side; long enough for several compactions. */
const STEPS: readonly Step[] = Array.from({ length: 28 }, (_, index) => {
  const number = index % 7;
  return index % 5 === 4 ? { delete: fileRecord(number).id } : { put: fileRecord(number, { size: index }) };
});

/** The records after each number of steps, 0 included. */
function statesFrom(start: readonly FileRecord[]): FileRecord[][] {
  return [...STEPS.keys(), STEPS.length].map(count => stateAfter(start, STEPS.slice(0, count)));
}
const STATES = statesFrom([]);

describe('database: a crash at any operation', () => {
  it('the run without a crash compacts several times and keeps everything', async () => {
    const disk = new CrashDisk();
    const renames: string[] = [];
    disk.hook = ({ name, path }) => name === 'rename' && renames.push(path);
    assert.equal(await run(disk), STEPS.length);
    assert.ok(renames.filter(path => path === `${PATH}.journal.bak`).length >= 3);
    assert.deepEqual(await recordsOf(new CrashDisk(disk.files())), STATES.at(-1));
  });

  describe('in the middle of a run', () => {
    let crashes: Crash[] = [];

    before(async () => {
      crashes = await crashAtEachOperation();
      assert.ok(crashes.length > STEPS.length);
    });

    after(() => {
      crashes = [];
    });

    it('our process is killed: every confirmed change is there, none is invented', async () => {
      for (const { disk, confirmed } of crashes) await assertWhole(new CrashDisk(disk.files()), confirmed);
    });

    it('the power is cut: every confirmed change is there, none is invented, and nothing alarms', async () => {
      for (const [index, { disk, confirmed }] of crashes.entries()) {
        for (let cut = 0; cut < POWER_CUTS; cut++) {
          const logger = new RecordingLogger();
          const files = disk.afterPowerCut(randomFrom(index * POWER_CUTS + cut));
          await assertWhole(new CrashDisk(files), confirmed, logger);
          assert.deepEqual(logger.messages('error'), []);
        }
      }
    });

    it('a second power cut while the database opens changes nothing', async () => {
      for (const [index, { disk, confirmed }] of crashes.entries()) {
        const random = randomFrom(index);
        const second = new CrashDisk(disk.afterPowerCut(random));
        second.crashAt = 1 + Math.floor(random() * 16);
        await recordsOf(second).catch(() => undefined);
        await assertWhole(new CrashDisk(second.afterPowerCut(random)), confirmed);
      }
    });

    it('the power is cut again in the middle of the next run: nothing is lost of either', async () => {
      for (const [index, { disk }] of crashes.entries()) {
        const random = randomFrom(index);
        const survived = disk.afterPowerCut(random);
        const start = await recordsOf(new CrashDisk(survived));
        const second = new CrashDisk(survived);
        second.crashAt = 1 + Math.floor(random() * crashes.length);
        const confirmed = await run(second);
        const after = new CrashDisk(second.afterPowerCut(random));
        await assertWhole(after, confirmed, new RecordingLogger(), statesFrom(start));
      }
    });

    it('the snapshot is destroyed as well: backup and journals give everything all the same', async () => {
      for (const { disk, confirmed } of crashes) {
        const files = disk.files();
        if (files.has(PATH)) files.set(PATH, Buffer.from('{"schema":1,"seq":'));
        await assertWhole(new CrashDisk(files), confirmed);
      }
    });
  });
});

interface Crash {
  readonly disk: CrashDisk;
  /** The number of steps, from the first on, that were confirmed. */
  readonly confirmed: number;
}

/** Crashes a run at its first, second, third … operation, until one gets to its end. */
async function crashAtEachOperation(): Promise<Crash[]> {
  const crashes: Crash[] = [];
  for (;;) {
    const disk = new CrashDisk();
    disk.crashAt = crashes.length + 1;
    const confirmed = await run(disk);
    if (disk.operations < disk.crashAt) return crashes;
    crashes.push({ disk, confirmed });
  }
}

/** Resolves to the number of steps, from the first on, that were confirmed. */
async function run(disk: CrashDisk): Promise<number> {
  const store = await open(disk).catch(() => undefined);
  if (!store) return 0;
  const outcomes: boolean[] = [];
  for (const [index, step] of STEPS.entries()) {
    const confirmed = take(store, step).then(
      () => (outcomes[index] = true),
      () => (outcomes[index] = false),
    );
    if (index % 4 !== 0) await confirmed;
  }
  await store.close().catch(() => undefined);
  return 1 + outcomes.lastIndexOf(true);
}

function take(store: Store, step: Step): Promise<void> {
  return 'put' in step ? store.put(step.put) : store.delete(step.delete);
}

function stateAfter(start: readonly FileRecord[], steps: readonly Step[]): FileRecord[] {
  const records = new Map(start.map(record => [record.id, record]));
  for (const step of steps) {
    if ('put' in step) records.set(step.put.id, step.put);
    else records.delete(step.delete);
  }
  return [...records.values()];
}

/** The records are those after some number of steps, at least the confirmed ones, and can be opened once more. */
async function assertWhole(
  disk: CrashDisk,
  confirmed: number,
  logger = new RecordingLogger(),
  states: readonly FileRecord[][] = STATES,
): Promise<void> {
  const records = await recordsOf(disk, logger);
  const possible = states.slice(confirmed).map(state => JSON.stringify(state));
  assert.ok(
    possible.includes(JSON.stringify(records)),
    `after ${confirmed} confirmed steps: ${JSON.stringify(records)}`,
  );
  assert.deepEqual(await recordsOf(new CrashDisk(disk.files())), records);
}

async function recordsOf(disk: CrashDisk, logger = new RecordingLogger()): Promise<FileRecord[]> {
  const store = await open(disk, logger);
  const records = [...store.all()];
  await store.close();
  return records;
}

function open(disk: CrashDisk, logger = new RecordingLogger()): Promise<Store> {
  return openStore(PATH, { clock: new VirtualClock(), logger, disk, compactAfter: 3 });
}
