import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OpenFile } from '../../../src/local/open-file.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

const { O_RDWR, O_CREAT, O_RDONLY } = constants;
const openNumbers = async (): Promise<number> => (await readdir('/proc/self/fd')).length;

describe('OpenFile', () => {
  let path: string;
  let cleanUp: () => Promise<void>;

  beforeEach(async () => {
    const { path: home, remove } = await temporaryFolder();
    [path, cleanUp] = [join(home, 'file'), remove];
  });
  afterEach(() => cleanUp());

  it('writes, reads, cuts and dates', async () => {
    await using file = await OpenFile.open(path, O_RDWR | O_CREAT, 0o600);
    assert.deepEqual(await file.write(Buffer.from('abcdef'), 1, 4, 2), { bytesWritten: 4 });
    assert.equal((await file.stat()).size, 6);
    await file.truncate(5);
    const bytes = Buffer.alloc(8);
    assert.deepEqual(await file.read(bytes, 1, 7, 2), { bytesRead: 3 });
    assert.equal(bytes.toString('latin1'), '\0bcd\0\0\0\0');
    await file.utimes(1, 1_700_000_000.125);
    await file.datasync();
    await file.sync();
    assert.equal((await file.stat()).mtimeMs, 1_700_000_000_125);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it('is closed once, whether its bytes are on disk or not', async () => {
    const before = await openNumbers();
    for (const synced of [true, false]) {
      const file = await OpenFile.open(path, O_RDWR | O_CREAT, 0o600);
      await file.write(Buffer.from('a'), 0, 1, 0);
      if (synced) await file.sync();
      await file.close();
      const other = OpenFile.openSync(path);
      await file.close();
      await other.stat();
      await other.close();
    }
    assert.equal(await openNumbers(), before);
    assert.equal(await readFile(path, 'utf8'), 'a');
  });

  it('rejects with what the system says', async () => {
    await assert.rejects(OpenFile.open(path, O_RDONLY), { code: 'ENOENT' });
    await writeFile(path, '');
    await using file = await OpenFile.open(path, O_RDONLY);
    await assert.rejects(file.write(Buffer.from('a'), 0, 1, 0), { code: 'EBADF' });
    await assert.rejects(file.truncate(0), { code: 'EINVAL' });
    assert.throws(() => OpenFile.openSync(`${path}.none`), { code: 'ENOENT' });
  });
});
