import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unmountedReason } from '../../../src/devices/directory/unmounted.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

describe('the folder of a drive', () => {
  let home: string;
  let cleanUp: () => Promise<void>;
  beforeEach(async () => ({ path: home, remove: cleanUp } = await temporaryFolder()));
  afterEach(() => cleanUp());

  const reasonAt = async (path: string) =>
    unmountedReason(path, (await stat(path)).dev, undefined, join(home, 'fstab'));

  it('is not mounted where fstab names it, or a folder above it, and nothing is there', async () => {
    await mkdir(join(home, 'my drive/DCIM'), { recursive: true });
    await symlink(join(home, 'my drive/DCIM'), join(home, 'link'));
    const line = `UUID=66F8-E5D9\t${home.replaceAll(' ', '\\040')}/my\\040drive  vfat noauto 0 0`;
    await writeFile(
      join(home, 'fstab'),
      `# a comment\n\nUUID=1 / ext4 defaults 0 1\n${line}\nUUID=2 none swap sw 0 0\n`,
    );
    for (const name of ['my drive/DCIM', 'link'])
      assert.equal(
        await reasonAt(join(home, name)),
        `${join(home, name)} is empty, and nothing is mounted at ${home}/my drive: mount its drive`,
      );
    assert.equal(await reasonAt(home), undefined);
    await writeFile(join(home, 'my drive/DCIM/.keep'), '');
    assert.notEqual(await reasonAt(join(home, 'link')), undefined);
    await writeFile(join(home, 'my drive/DCIM/1.jpg'), '');
    assert.equal(await reasonAt(join(home, 'link')), undefined);
  });

  it('may be empty where fstab does not name it, or does not exist', async () => {
    const folder = join(home, 'empty');
    await mkdir(folder);
    assert.equal(await reasonAt(folder), undefined);
    await writeFile(join(home, 'fstab'), `UUID=1 / ext4 defaults 0 1\nUUID=2 ${home}/emp vfat 0 0\n`);
    assert.equal(await reasonAt(folder), undefined);
  });

  it('may be empty where something is mounted', async () => {
    await writeFile(join(home, 'fstab'), 'proc /proc proc defaults 0 0\ntmpfs /dev/shm tmpfs defaults 0 0\n');
    const { dev } = await stat('/dev/shm');
    assert.equal(await unmountedReason('/dev/shm', dev, dev + 1, join(home, 'fstab')), undefined);
  });
});
