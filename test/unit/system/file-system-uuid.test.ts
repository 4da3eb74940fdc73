import assert from 'node:assert/strict';
import { readdir, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSystemUuid } from '../../../src/system/file-system-uuid.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

/** Drives of this machine, plugged in or not. */
async function blockDevices(): Promise<string[]> {
  const paths = (await readdir('/dev')).map(name => join('/dev', name));
  const nodes = await Promise.all(paths.map(path => stat(path).catch(() => undefined)));
  return paths.filter((_, index) => nodes[index]?.isBlockDevice());
}

describe('UUIDs of file systems', () => {
  let links: string;
  let cleanUp: () => Promise<void>;

  beforeEach(async () => {
    ({ path: links, remove: cleanUp } = await temporaryFolder());
  });
  afterEach(() => cleanUp());

  it('are those of the links to the device', async function () {
    const [first, second] = await blockDevices();
    if (!first || !second) return this.skip();
    await symlink(first, join(links, '66F8-E5D9'));
    await symlink('/dev/gone', join(links, '0000-0001'));
    assert.equal(await fileSystemUuid((await stat(first)).rdev, links), '66F8-E5D9');
    assert.equal(await fileSystemUuid((await stat(second)).rdev, links), undefined);
  });

  it('are those of drives alone', async () => {
    await symlink('/dev/null', join(links, '66F8-E5D9'));
    assert.equal(await fileSystemUuid((await stat('/dev/null')).rdev, links), undefined);
  });

  it('are not known without udev', async () => {
    assert.equal(await fileSystemUuid(2049, join(links, 'nowhere')), undefined);
  });
});
