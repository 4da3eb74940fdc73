import assert from 'node:assert/strict';
import fc from 'fast-check';
import { beginBytes, perform, setting, stepsIn, type Step } from './acts.js';
import { interceptFileSystem } from './disk-mount.js';
import { comeToRest } from './rest.js';
import { report, runsFor } from './runs.js';
import { World, type Setting } from './world.js';

/** ms for which runs are made where the environment does not say how many. */
const LIMIT_MS = 50_000;

/** The run under way, and whether it is the last one. */
let latest: Promise<void> | undefined;
let isOver = false;

describe('Engine, whatever happens', () => {
  let restore = () => {};
  before(() => (restore = interceptFileSystem()));
  after(async () => {
    // The run that the time limit has interrupted goes on; without the simulated file system it would use the real one.
    isOver = true;
    await latest?.catch(() => undefined);
    restore();
  });

  it('takes nothing back, loses nothing, and comes to rest', async function () {
    const { limit, parameters } = runsFor<[[Setting, Step[]]]>(LIMIT_MS);
    this.timeout(limit === undefined ? 0 : limit * 3);
    const cases = setting.chain(one => fc.tuple(fc.constant(one), stepsIn(one)));
    const property = fc.asyncProperty(cases, ([one, steps]) => (latest = run(one, steps)));
    const details = await fc.check(property, parameters);
    report(details);
    assert.ok(details.numRuns > 0);
  });
});

async function run(one: Setting, steps: readonly Step[]): Promise<void> {
  const world = new World(one);
  beginBytes();
  try {
    await world.start();
    for (const step of steps) {
      if (isOver) return;
      await perform(world, step);
      check(world);
    }
    await comeToRest(world);
    check(world);
  } finally {
    world.kill();
  }
}

function check(world: World): void {
  for (const record of world.records) {
    for (const { stage, reason } of world.engine?.waits(record) ?? [])
      world.referee.demand(reason !== '', `${stage} of ${record.id} waits for nothing`);
  }
  const { violations } = world.referee;
  if (violations.length === 0) return;
  const log = world.logger.entries.slice(-40).map(({ message }) => `  ${message}`);
  assert.fail([...violations, 'the last of the log:', ...log].join('\n'));
}
