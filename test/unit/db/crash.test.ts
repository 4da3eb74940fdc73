import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore } from '../../../src/db/store.js';
import type { FileRecord, Store } from '../../../src/ports.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { CrashDisk, randomFrom } from './crash-disk.js';
import { allows, DEVICES, statesFrom, STEPS, type Content, type State, type Step } from './crash-steps.js';

const PATH = `/nowhere/${randomUUID()}.json`;
const POWER_CUTS = 2;

const EMPTY: Content = { records: [], archived: [], sources: DEVICES.map(() => undefined) };
const STATES = statesFrom(EMPTY);

describe('database: a crash at any operation', () => {
  it('the run without a crash compacts several times and keeps everything', async () => {
    const disk = new CrashDisk();
    const renames: string[] = [];
    disk.hook = ({ name, path }) => name === 'rename' && renames.push(path);
    assert.equal(await run(disk), STEPS.length);
    assert.ok(renames.filter(path => path === `${PATH}.journal.bak`).length >= 3);
    const content = await contentOf(new CrashDisk(disk.files()));
    const end = STATES.at(-1);
    assert.ok(end && allows(end, content));
    const last = [...end.records.values()].map(versions => versions.at(-1)?.record);
    assert.deepEqual(content.records, last, 'with every note');
    assert.ok(last.some(record => record?.reason === 'noted'));
    assert.deepEqual([content.archived.length, content.sources.filter(Boolean).length], [2, 2]);
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
        await contentOf(second).catch(() => undefined);
        await assertWhole(new CrashDisk(second.afterPowerCut(random)), confirmed);
      }
    });

    it('the power is cut again in the middle of the next run: nothing is lost of either', async () => {
      for (const [index, { disk }] of crashes.entries()) {
        const random = randomFrom(index);
        const survived = disk.afterPowerCut(random);
        const start = await contentOf(new CrashDisk(survived));
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
        if (files.has(PATH)) files.set(PATH, Buffer.from('{"schema":2,"seq":'));
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
  const clock = new VirtualClock();
  const store = await open(disk, new RecordingLogger(), clock).catch(() => undefined);
  if (!store) return 0;
  const outcomes: boolean[] = [];
  for (const [index, step] of STEPS.entries()) {
    const confirmed = take(store, clock, step).then(
      confirms => (outcomes[index] = confirms),
      () => (outcomes[index] = false),
    );
    if (index % 4 !== 0 || isAwaited(step) || isAwaited(STEPS[index + 1])) await confirmed;
  }
  await store.close().catch(() => undefined);
  return 1 + outcomes.lastIndexOf(true);
}

/** Others may be side by side. A record must be there to be archived. */
function isAwaited(step?: Step): boolean {
  return step !== undefined && (step === 'second' || 'archive' in step);
}

/** Resolves to whether that confirms anything. */
async function take(store: Store, clock: VirtualClock, step: Step): Promise<boolean> {
  const isThere = step !== 'second' && 'archive' in step && store.get(step.archive.id) !== undefined;
  if (step === 'second') await clock.advance(1000);
  else if ('note' in step) store.note(step.note, step.soon);
  else if ('put' in step) await store.put(step.put);
  else if ('delete' in step) await store.delete(step.delete);
  else if ('source' in step) await store.putSource(step.source);
  else await store.archive([step.archive.id]);
  return isThere || (step !== 'second' && !('note' in step) && !('archive' in step));
}

/** The content is that after some number of steps, at least the confirmed ones, and can be opened once more. */
async function assertWhole(
  disk: CrashDisk,
  confirmed: number,
  logger = new RecordingLogger(),
  states: readonly State[] = STATES,
): Promise<void> {
  const content = await contentOf(disk, logger);
  assert.ok(
    states.slice(confirmed).some(state => allows(state, content)),
    `after ${confirmed} confirmed steps: ${JSON.stringify(content)}`,
  );
  assert.deepEqual(await contentOf(new CrashDisk(disk.files())), content);
}

async function contentOf(disk: CrashDisk, logger = new RecordingLogger()): Promise<Content> {
  const store = await open(disk, logger);
  try {
    const archived: FileRecord[] = [];
    for await (const record of store.archived()) archived.push(record);
    const sources = DEVICES.map(device => store.source(device));
    return { records: [...store.all()], archived, sources };
  } finally {
    await store.close();
  }
}

function open(disk: CrashDisk, logger = new RecordingLogger(), clock = new VirtualClock()): Promise<Store> {
  return openStore(PATH, { clock, logger, disk, compactAfter: 3 });
}
