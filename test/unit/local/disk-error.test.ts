import assert from 'node:assert/strict';
import { open, readFile } from 'node:fs/promises';
import { diskError } from '../../../src/local/disk-error.js';
import { writeAll } from '../../../src/local/file-bytes.js';
import type { ErrorKind } from '../../../src/errors.js';

const coded = (code: string) => Object.assign(new Error(`${code}: failed`), { code });

describe('diskError', () => {
  const meanings: [string, ErrorKind, boolean][] = [
    ['ENOSPC', 'no-space', true],
    ['EDQUOT', 'no-space', true],
    ['EROFS', 'denied', true],
    ['EACCES', 'denied', true],
    ['EIO', 'io', true],
    ['EUNHEARDOF', 'io', true],
    ['ENODEV', 'unavailable', true],
    ['ESTALE', 'unavailable', true],
    ['ENOTCONN', 'unavailable', true],
    ['ETIMEDOUT', 'unavailable', true],
    ['EHOSTDOWN', 'unavailable', true],
    ['ENOENT', 'not-found', false],
    ['ENAMETOOLONG', 'bad-name', false],
    ['EFBIG', 'too-large', false],
    ['ABORT_ERR', 'cancelled', true],
  ];
  for (const [code, kind, temporary] of meanings) {
    it(`${code} is ${kind}`, () => {
      const error = diskError(coded(code), '/media/card', { device: 'camera', operation: 'read' });
      const { device, operation } = error;
      assert.deepEqual([error.kind, error.temporary, device, operation], [kind, temporary, 'camera', 'read']);
    });
  }

  it('leaves what is translated already, and takes what is no file error for a defect', () => {
    const error = diskError(coded('EIO'), '/a');
    assert.equal(diskError(error, '/b'), error);
    assert.equal(diskError(new TypeError('x is not a function'), '/a').kind, 'internal');
  });

  it('translates what the kernel really says', async () => {
    const full = await open('/dev/full', 'w');
    const cause: unknown = await writeAll(full, Buffer.from('x'), 0).catch((error: unknown) => error);
    await full.close();
    assert.equal(diskError(cause, '/dev/full').kind, 'no-space');
    const nul: unknown = await readFile('a\0b').catch((error: unknown) => error);
    assert.equal(diskError(nul, 'a').kind, 'bad-name');
  });
});
