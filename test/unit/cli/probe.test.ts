import assert from 'node:assert/strict';
import { probe, type ProbeOptions } from '../../../src/cli/check/probe.js';
import { FileSyncError } from '../../../src/errors.js';
import type { Target } from '../../../src/ports.js';
import { Planner } from '../../../src/rules/plan.js';
import { systemClock } from '../../../src/system/clock.js';
import { MemorySource } from '../../fakes/memory-source.js';
import { MemoryTarget } from '../../fakes/memory-target.js';
import { rule } from '../rules/rule.js';

const never = new AbortController().signal;
const options: ProbeOptions = {
  ...{ clock: systemClock, planner: new Planner([rule()]), sources: new Set(['autopilot']) },
  ...{ write: true, over: never },
};

function targetThat(act: NonNullable<Target['probe']>): MemoryTarget {
  const target = new MemoryTarget();
  target.probe = act;
  return target;
}

const probed = (target: Target, changes: Partial<ProbeOptions> = {}) =>
  probe({ name: 'archive', type: 'memory', target }, { ...options, ...changes });

describe('the probe of a device', () => {
  it('writes on a target, unless that is left out', async () => {
    assert.deepEqual(await probed(new MemoryTarget()), {
      ...{ device: 'archive', type: 'memory', misconfigured: false, ok: true, write: 'ok' },
      message: 'in memory; can write, rename and delete there',
    });
    const fails = targetThat(() => Promise.reject(new FileSyncError('denied', 'cannot write')));
    const { ok, message, write } = await probed(fails);
    assert.deepEqual([ok, message, write], [false, 'cannot write', undefined]);
    assert.equal((await probed(fails, { write: false })).ok, true);
  });

  it('takes a folder that will be made for good', async () => {
    const missing = targetThat(() => Promise.reject(new FileSyncError('not-found', 'no folder')));
    const { ok, message, write } = await probed(missing);
    assert.deepEqual([ok, message, write], [true, 'in memory; not probed by a write', 'not probed']);
  });

  it('ends, when the program is stopped, only after what was written is removed', async () => {
    const stopped = new AbortController();
    let left = true;
    const target = targetThat(async signal => {
      stopped.abort();
      assert.ok(signal.aborted);
      await new Promise(resolve => setImmediate(resolve));
      left = false;
      throw new FileSyncError('cancelled', 'cancelled');
    });
    assert.equal((await probed(target, { over: stopped.signal })).ok, false);
    assert.equal(left, false);
  });

  it('lists a source that rules name whole, another one up to its first file', async () => {
    const source = new MemorySource();
    for (const path of ['a', 'b']) source.put(path, new Uint8Array(10));
    const named = await probe({ name: 'autopilot', type: 'memory', source }, options);
    assert.equal(named.listing?.files.length, 2);
    const idle = await probe({ name: 'camera', type: 'memory', source }, options);
    assert.equal(idle.ok, true);
    assert.equal(idle.listing, undefined);
  });

  it('tells why a source cannot be listed to its end', async () => {
    const source = new MemorySource({
      before: operation => {
        if (operation === 'list') throw new FileSyncError('denied', 'no right to list');
      },
    });
    const { ok, message } = await probe({ name: 'autopilot', type: 'memory', source }, options);
    assert.deepEqual([ok, message], [false, 'no right to list']);
  });
});
