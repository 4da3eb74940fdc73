import assert from 'node:assert/strict';
import { formatSize } from '../../../src/system/size.js';

const SIZES: [number, string][] = [
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [1024, '1.0 kB'],
  [999_949, '999.9 kB'],
  [999_950, '1.0 MB'],
  [4_100_000, '4.1 MB'],
  [2 * 2 ** 30, '2.1 GB'],
  [2 ** 60, '1152.9 PB'],
];

describe('a size for people', () => {
  for (const [size, text] of SIZES) it(`${size} bytes: ${text}`, () => assert.equal(formatSize(size), text));
});
