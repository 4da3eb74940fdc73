import assert from 'node:assert/strict';
import { rule } from '../unit/rules/rule.js';
import { interceptFileSystem } from './disk-mount.js';
import { World } from './world.js';

describe('World', () => {
  let restore = () => {};
  before(() => (restore = interceptFileSystem()));
  after(() => restore());

  async function fetching(): Promise<World> {
    const rules = [rule({ from: 'folder', to: ['hash'], settle: 0 })];
    const world = new World({ seed: 1, rules, settle: 0, keepRecords: Infinity });
    world.drive('folder').put('a.bin', Buffer.from('bytes'));
    await world.start();
    await world.advance(0);
    world.latency = 1_000;
    world.drive('folder').put('b.bin', Buffer.from('more bytes'));
    world.engine?.rescan();
    await world.settle();
    return world;
  }

  it('stops a program in the middle of a step', async () => {
    const world = await fetching();
    await world.stop();
    assert.deepEqual(world.referee.violations, []);
  });

  it('notices a step that does not end when the program is stopped', async () => {
    const world = await fetching();
    world.clock.sleep = () => new Promise(() => undefined);
    await world.advance(1_000);
    await world.stop();
    assert.deepEqual(world.referee.violations, ['a step did not end when the program was stopped']);
  });
});
