import assert from 'node:assert/strict';
import fc from 'fast-check';
import { sample } from '../../conformance/support.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { inVirtualTime, MemoryVehicle } from './memory-vehicle.js';
import { CASES, receivesAll, played } from './window-case.js';

/** ms of virtual time in which everything that a link still carries has arrived. */
const LATE_MS = 60_000;

describe('Reading with a window of requests', () => {
  it('returns the right bytes, or fails with the reason, on any link and vehicle', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(CASES, async one => {
        const clock = new VirtualClock();
        const file = sample(one.size, 5);
        const vehicle = new MemoryVehicle(file, clock, one.behaviour, one.link);
        const { bytes, error } = await inVirtualTime(clock, played(one, file, clock, vehicle));
        const expected = Buffer.from(file.subarray(Math.min(one.offset, one.size)));
        assert.deepEqual(bytes, expected.subarray(0, bytes.length));
        if (!error) assert.equal(bytes.length, expected.length);
        else assert.equal(one.change && error.kind, 'changed', `${error.kind}: ${error.message}`);
        await clock.advance(LATE_MS);
        assert.equal(clock.sleeping, 0, 'a timer runs after the read has ended');
        if (receivesAll(one)) assert.equal(vehicle.session, undefined, 'the file is still open');
      }),
      { numRuns: 2_000, seed: 5 },
    );
  });
});
