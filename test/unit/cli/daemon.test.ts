import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { workUntilStopped } from '../../../src/cli/daemon.js';
import { StoreAdmin } from '../../../src/control/store-admin.js';
import { FileSyncError } from '../../../src/errors.js';
import { FileState, type FileRecord } from '../../../src/ports.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { makeBench } from '../pipeline/bench.js';

/** What a process left behind that died while it fetched: the next one has to write that down at its start. */
const interrupted: FileRecord = {
  ...{ id: '0123456789ab', device: 'cam', path: 'a.ulg', size: 1, local: 'cam/a.ulg' },
  ...{ state: FileState.DOWNLOADING, description: '', targets: { ftp: { state: 'pending' } } },
  ...{ foundAt: 0, updatedAt: 0 },
};

class FullStore extends MemoryStore {
  closed = false;

  override put(): Promise<void> {
    return Promise.reject(new FileSyncError('no-space', 'the disk is full'));
  }

  override async close(): Promise<void> {
    this.closed = true;
    await super.close();
  }
}

describe('daemon', () => {
  it('leaves nothing open when it cannot start, so that the process ends', async () => {
    const store = new FullStore([interrupted]);
    const { engine, folder, logger, remove } = await makeBench({ store });
    const database = join(folder, 'filesync.json');
    const config = { file: 'filesync.yaml', database };
    const admin = new StoreAdmin(store, systemClock, engine.devices);
    const stopped = new AbortController().signal;
    await failsWith(() => workUntilStopped({ engine, config, admin, logger, stopped }), 'no-space');
    assert.ok(store.closed);
    await assert.rejects(stat(`${database}.sock`), { code: 'ENOENT' });
    await remove();
  });
});
