import assert from 'node:assert/strict';
import { ChunkPool } from '../../../src/local/chunk-pool.js';

describe('pool of chunks', () => {
  it('lends what was given back again, by a part of it as well', () => {
    const pool = new ChunkPool();
    const first = pool.take(1000);
    pool.giveBack(first.subarray(0, 10));
    assert.equal(pool.take(1000).buffer, first.buffer);
  });

  it('lends nothing twice, though it was given back twice', () => {
    const pool = new ChunkPool();
    const first = pool.take(1000);
    pool.giveBack(first);
    pool.giveBack(first);
    assert.notEqual(pool.take(1000).buffer, pool.take(1000).buffer);
  });

  it('lends nothing that is still in use, of another length, or not its own', () => {
    const pool = new ChunkPool();
    const used = pool.take(1000);
    const foreign = Buffer.alloc(1000);
    pool.giveBack(foreign);
    pool.giveBack(pool.take(999));
    const next = pool.take(1000);
    assert.equal(next.length, 1000);
    assert.ok(![used.buffer, foreign.buffer].includes(next.buffer));
  });
});
