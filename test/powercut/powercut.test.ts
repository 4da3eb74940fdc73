import assert from 'node:assert/strict';
import { interceptFileSystem } from '../model/disk-mount.js';
import { PLANS } from './plan.js';
import { cutInFirst, cutInSecond, firstLoss, type Accidents, type First, type Tally } from './trials.js';

const { FILESYNC_POWERCUT_EVERY, FILESYNC_POWERCUT_SEED } = process.env;
const IS_LONG = FILESYNC_POWERCUT_EVERY !== undefined;
const SEED = Number(FILESYNC_POWERCUT_SEED ?? Date.now() % 1_000_000);
/** A cut after each so many changes: all of them take minutes. */
const EVERY = Number(FILESYNC_POWERCUT_EVERY ?? 8);
/** Of cuts in a second process, which follow each of as many accidents of the first one. */
const EVERY_OF_TWO = FILESYNC_POWERCUT_EVERY === undefined ? 16 : EVERY;
const OUTCOMES = IS_LONG ? 16 : 4;

function report({ outcomes, failures }: Tally, atLeast: number): void {
  console.log(`      seed ${SEED}, ${outcomes} outcomes of power cuts`);
  const shown = failures.slice(0, 3).join('\n\n');
  assert.equal(failures.length, 0, `FILESYNC_POWERCUT_SEED=${SEED}: ${failures.length} failures\n${shown}`);
  assert.ok(outcomes >= atLeast, `only ${outcomes} outcomes`);
}

describe('Power cuts', () => {
  let restore = (): void => undefined;
  before(() => (restore = interceptFileSystem()));
  after(() => restore());

  for (const plan of PLANS)
    describe(plan.title, () => {
      it('nothing is lost, doubled, corrupt or removed too early at any cut', async function () {
        if (IS_LONG) this.timeout(0);
        report(await cutInFirst({ plan, every: EVERY, outcomes: OUTCOMES, seed: SEED }), 10);
      });

      for (const first of ['killed', 'cut off'] as const satisfies First[])
        it(`nor at any cut of a second process, after the first one was ${first}`, async function () {
          if (IS_LONG) this.timeout(0);
          const accidents = { plan, every: EVERY_OF_TWO, outcomes: 1, seed: SEED };
          report(await cutInSecond(accidents, first), 3);
        });
    });

  for (const [title, reason, ignoresSync] of [
    ['of files on the target', /is corrupt/, (path, node) => node === 'file' && path.startsWith('/archive/')],
    ['of folders on the target', /is lost/, (path, node) => node === 'folder' && path.startsWith('/archive')],
    ['of the folder above the target', /is lost/, (path, node) => node === 'folder' && path === '/'],
    ['of the journal of the database', /is in the database as nothing/, path => path.startsWith('/db.json')],
  ] as const satisfies [string, RegExp, Accidents['ignoresSync']][])
    it(`a sync ${title} that is left out is found out`, async function () {
      if (IS_LONG) this.timeout(0);
      const [plan] = PLANS;
      assert.ok(plan);
      const loss = await firstLoss({ plan, every: 3, outcomes: 8, seed: SEED, ignoresSync });
      assert.match(loss ?? 'no loss', reason);
    });
});
