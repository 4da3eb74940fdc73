import assert from 'node:assert/strict';
import { compareNaturally } from '../../../src/system/natural-order.js';

describe('compareNaturally', () => {
  const order: readonly string[] = [
    '',
    '1.BIN',
    '2.BIN',
    '10.BIN',
    'a/9/1',
    'a/10/1',
    'log',
    'log1',
    'log01x',
    'log2',
  ];

  it('orders numbers in names by their value', () => {
    assert.deepEqual(order.toReversed().sort(compareNaturally), order);
  });

  it('takes numbers with leading zeros for the same', () => {
    assert.equal(compareNaturally('00000007.BIN', '7.BIN'), 0);
  });
});
