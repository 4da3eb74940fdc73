import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { isInMemory } from '../../../src/system/memory-file-system.js';

/** As coreutils name it. */
async function typeOf(path: string): Promise<string> {
  const { stdout } = await promisify(execFile)('stat', ['-f', '-c', '%T', path]);
  return stdout.trim();
}

describe('memory file systems', () => {
  for (const path of ['/dev/shm', '/', '/proc', '/sys', '/run', import.meta.dirname]) {
    it(`${path}, and what will be made below it`, async () => {
      const expected = ['tmpfs', 'ramfs'].includes(await typeOf(path));
      assert.equal(await isInMemory(path), expected);
      assert.equal(await isInMemory(`${path}/no/such/folder`), expected);
    });
  }

  it('a path that cannot be read is not one', async () => {
    assert.equal(await isInMemory('/dev/null/below'), false);
  });
});
