import assert from 'node:assert/strict';
import { join } from 'node:path';
import { RemoteAdmin } from '../../../src/control/client.js';
import { serveControl } from '../../../src/control/server.js';
import { StoreAdmin } from '../../../src/control/store-admin.js';
import { FileSyncError } from '../../../src/errors.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { MemoryStore } from '../../fakes/memory-store.js';

class FullAdmin extends StoreAdmin {
  override retry(): Promise<never> {
    return Promise.reject(new FileSyncError('no-space', 'the disk is full: free some space on it'));
  }
}

describe('a command at a running daemon', () => {
  it('hears why the daemon could not do it', async () => {
    const folder = await temporaryFolder();
    const socket = join(folder.path, 'db.sock');
    const control = await serveControl(socket, new FullAdmin(new MemoryStore(), systemClock));
    const admin = await RemoteAdmin.connect(socket);
    assert.ok(admin);
    const error = await failsWith(() => admin.retry('failed'));
    assert.match(error.message, /the disk is full/);
    await control[Symbol.asyncDispose]();
    await folder.remove();
  });
});
