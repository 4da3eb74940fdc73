import assert from 'node:assert/strict';
import { bench } from '../../bench/guard.js';

describe('What a block and a small file cost, in counts', function () {
  this.timeout(300_000);

  it('is no more than it was', async () => {
    const rows = await bench();
    assert.ok(rows.length >= 5, 'not every count was taken');
    assert.deepEqual(
      rows.filter(({ met }) => met === false),
      [],
    );
  });
});
