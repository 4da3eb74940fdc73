import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checksumOf, newDigest } from '../../../src/local/digest.js';
import type { ChecksumAlgorithm } from '../../../src/ports.js';
import { checksumOf as naive } from '../../conformance/support.js';

const chunks = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });

describe('digests', () => {
  for (const algorithm of ['crc32-mavlink', 'sha256', 'md5'] satisfies ChecksumAlgorithm[]) {
    it(`${algorithm} over chunks is that of the whole, and can be asked in between`, () => {
      fc.assert(
        fc.property(chunks, parts => {
          const digest = newDigest(algorithm);
          for (const [index, part] of parts.entries()) {
            digest.update(part);
            assert.equal(digest.hex(), naive(algorithm, Buffer.concat(parts.slice(0, index + 1))).value);
          }
        }),
      );
    });
  }

  it('crc32-mavlink of nothing is 0, and of "123456789" the value of its polynomial without inversion', () => {
    const digest = newDigest('crc32-mavlink');
    assert.equal(digest.hex(), '00000000');
    digest.update(Buffer.from('123456789'));
    assert.equal(digest.hex(), '2dfd2d88');
  });

  it('reads a stream to its end', async () => {
    async function* stream() {
      yield Buffer.from('a');
      yield Buffer.from('bc');
    }
    const value = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    assert.deepEqual(await checksumOf(stream(), 'sha256'), { algorithm: 'sha256', value });
  });
});
