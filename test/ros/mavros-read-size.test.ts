import assert from 'node:assert/strict';
import { ReadSize } from '../../src/ros/mavros/read-size.js';

const FAST = 10;
const SLOW = 900;

/** So many calls in a row that got all that they asked for. */
function succeed(size: ReadSize, calls: number, ms = FAST): void {
  for (let call = 0; call < calls; call++) size.succeeded(size.bytes, ms);
}

describe('size of a read through MAVROS', () => {
  it('is never a multiple of a packet, whatever is left', () => {
    const size = new ReadSize();
    succeed(size, 10_000);
    for (let left = 1; left < 60_000; left++) {
      const asked = size.of(left);
      assert.ok(asked > 0 && asked <= left && asked % 239 !== 0, `${asked} of ${left}`);
    }
  });

  it('begins at some 4 kB and stays below 6 kB until the link has proven good', () => {
    const size = new ReadSize();
    assert.equal(size.bytes, 4301);
    succeed(size, 50);
    assert.equal(size.bytes, 5735);
    succeed(size, 10_000);
    assert.equal(size.bytes, 47_799);
  });

  it('halves after a loss, down to one packet, and comes back', () => {
    const size = new ReadSize();
    size.failed();
    assert.equal(size.bytes, 2150);
    for (let losses = 0; losses < 10; losses++) size.failed();
    assert.equal(size.bytes, 238);
    succeed(size, 1_000);
    assert.ok(size.bytes > 4_000);
  });

  it('keeps calls short where the link is slow', () => {
    const size = new ReadSize();
    succeed(size, 1, SLOW);
    assert.equal(size.bytes, 2150);
  });
});
