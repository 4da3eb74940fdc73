import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { syncFolder } from '../../../src/local/sync-folder.js';
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
