import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { MinFree } from '../../../src/system/statfs.js';
import { FreeSpace } from '../../../src/local/free-space.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

const MB = 1024 * 1024;
const run = promisify(execFile);

describe('room', () => {
  let home: string;
  let folder: string;
  let cleanUp: () => Promise<void>;

  beforeEach(async () => {
    ({ path: home, remove: cleanUp } = await temporaryFolder());
    folder = join(home, 'not/yet/made');
  });
  afterEach(() => cleanUp());

  it('is known before the folder is made', async () => {
    const { free, total } = await new FreeSpace(folder).space();
    assert.ok(free > 0 && free <= total);
    await new FreeSpace(folder).ensure(0);
    await new FreeSpace(folder).ensure(1);
  });

  const impossible: [MinFree, string][] = [
    [{ bytes: 2 ** 60 }, '1152.9 PB'],
    [{ percent: 100 }, '100%'],
  ];
  for (const [minFree, words] of impossible) {
    it(`nothing is left where ${words} must stay free, and the message says so`, async () => {
      const room = new FreeSpace(folder, minFree);
      assert.equal((await room.space()).free, 0);
      assert.equal((await room.space()).total, (await new FreeSpace(folder).space()).total);
      await room.ensure(0);
      const { message, temporary } = await failsWith(() => room.ensure(2 * MB), 'no-space');
      const expected = `${folder}: the disk has 0 B free above \`min_free\` (${words}) and the file needs 2.1 MB: free 2.1 MB`;
      assert.ok(message.startsWith(expected), message);
      assert.match(message, /lower `min_free`/);
      assert.equal(temporary, true);
    });
  }

  it('says how much space is missing, where, and what helps', async () => {
    const { message } = await failsWith(() => new FreeSpace(folder).ensure(2 ** 60), 'no-space');
    assert.ok(message.startsWith(`${folder}: the disk has `));
    assert.match(
      message,
      /the disk has \S+ \wB free and the file needs 1152\.9 PB: free \S+ PB there, let rules delete/,
    );
  });

  describe('of a drive of 16 MB', function () {
    before(function () {
      if (process.getuid?.() !== 0) this.skip();
    });
    beforeEach(async () => {
      await mkdir(folder, { recursive: true });
      await run('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'none', folder]);
    });
    afterEach(() => run('umount', [folder]));

    const table: [string, MinFree | undefined, number][] = [
      ['all of it', undefined, 16],
      ['all but some bytes', { bytes: 3 * MB }, 13],
      ['all but a part of the whole', { percent: 25 }, 12],
      ['nothing less than nothing', { bytes: 17 * MB }, 0],
    ];
    for (const [what, minFree, free] of table) {
      it(what, async () => {
        assert.deepEqual(await new FreeSpace(folder, minFree).space(), { free: free * MB, total: 16 * MB });
      });
    }

    it('counts again what others write', async () => {
      const room = new FreeSpace(folder, { bytes: 4 * MB });
      await room.ensure(11 * MB);
      await writeFile(join(folder, 'theirs'), Buffer.alloc(10 * MB));
      await failsWith(() => room.ensure(3 * MB), 'no-space');
      await room.ensure(2 * MB);
    });
  });
});
