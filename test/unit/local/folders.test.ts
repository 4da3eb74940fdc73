import assert from 'node:assert/strict';
import { mkdir, realpath, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Folders, syncFolder } from '../../../src/local/folders.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

describe('syncFolder', () => {
  it('is one sync for all who ask at the same time, and another for who asks while it runs', async () => {
    const { path, remove } = await temporaryFolder();
    const first = syncFolder(path);
    assert.equal(syncFolder(path), first);
    assert.equal(syncFolder(Buffer.from(path)), first);
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    const second = syncFolder(path);
    assert.notEqual(second, first);
    await Promise.all([first, second]);
    assert.notEqual(syncFolder(path), second);
    await remove();
  });

  it('fails for all who share it, and only for them', async () => {
    const { path, remove } = await temporaryFolder();
    await rm(path, { recursive: true });
    const gone = [syncFolder(path), syncFolder(path)];
    for (const { status } of await Promise.allSettled(gone)) assert.equal(status, 'rejected');
    await assert.rejects(syncFolder(path), { code: 'ENOENT' });
    await remove();
  });
});

describe('Folders', () => {
  it('has what it made, until it is gone or lies elsewhere, and makes it again', async () => {
    const { path, remove } = await temporaryFolder();
    const folders = new Folders(path);
    assert.equal(await folders.has('a/b'), false);
    await folders.make('a/b');
    assert.equal(await folders.has('a/b'), true);
    await rm(join(path, 'a'), { recursive: true });
    assert.equal(await folders.has('a/b'), false);
    await folders.make('a/b');
    assert.equal(await folders.has('a/b'), true);
    await remove();
  });

  it('refuses a folder that has become a link that leads out since it was made', async () => {
    const { path, remove } = await temporaryFolder();
    const [root, outside] = [join(path, 'root'), join(path, 'outside')];
    await mkdir(root);
    await mkdir(outside);
    const folders = new Folders(root);
    await folders.make('a/b');
    await rename(join(root, 'a/b'), join(outside, 'b'));
    await symlink(join(outside, 'b'), join(root, 'a/b'));
    assert.equal(await folders.has('a/b'), false);
    await assert.rejects(folders.make('a/b'), { kind: 'denied' });
    await remove();
  });

  it('takes a root that moved to another place for a new one', async () => {
    const { path, remove } = await temporaryFolder();
    const [root, first, second] = ['root', 'first', 'second'].map(name => join(path, name)) as [
      string,
      string,
      string,
    ];
    await mkdir(first);
    await mkdir(second);
    await symlink(first, root);
    const folders = new Folders(root);
    await folders.make('a');
    await rm(root);
    await symlink(second, root);
    assert.equal(await folders.has('a'), false);
    await folders.make('a');
    assert.equal(await realpath(join(root, 'a')), await realpath(join(second, 'a')));
    await remove();
  });
});
