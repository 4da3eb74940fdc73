import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileBytes } from '../../../src/local/file-bytes.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

const CHUNK = 512 * 1024;

describe('fileBytes', () => {
  for (const actual of [0, 1, 4096, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]) {
    for (const size of [undefined, 0, 4095, 4096, 4097, CHUNK, 2 * CHUNK]) {
      it(`gives all ${actual} bytes of a file that is said to have ${size ?? 'any number'}`, async () => {
        await withFile(actual, async (path, bytes) => {
          await using handle = await open(path);
          for (const offset of [0, Math.floor(actual / 2), actual]) {
            const chunks: Uint8Array[] = [];
            for await (const chunk of fileBytes(handle, offset, undefined, size)) chunks.push(chunk);
            assert.deepEqual(Buffer.concat(chunks), bytes.subarray(offset));
          }
        });
      });
    }
  }

  it('takes no large buffer for a small file whose size is known', async () => {
    await withFile(4096, async path => {
      await using handle = await open(path);
      for await (const chunk of fileBytes(handle, 0, undefined, 4096)) {
        assert.equal(chunk.length, 4096);
        assert.equal(chunk.buffer.byteLength, 4097);
      }
    });
  });
});

async function withFile(size: number, use: (path: string, bytes: Buffer) => Promise<void>): Promise<void> {
  const { path: folder, remove } = await temporaryFolder();
  const [path, bytes] = [join(folder, 'file'), randomBytes(size)];
  await writeFile(path, bytes);
  await use(path, bytes).finally(remove);
}
