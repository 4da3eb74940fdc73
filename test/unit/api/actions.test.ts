import assert from 'node:assert/strict';
import { join } from 'node:path';
import { BehaviorSubject, NEVER } from 'rxjs';
import { RemoteApi } from '../../../src/api/client.js';
import type { Daemon } from '../../../src/api/database-api.js';
import { serveControl } from '../../../src/api/server.js';
import { Records } from '../../../src/record/records.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { databaseApi } from '../../fakes/database-api.js';
import { MemoryStore } from '../../fakes/memory-store.js';

/** A daemon that notes what it is asked for. */
class NotedDaemon implements Daemon {
  readonly devices = new BehaviorSubject([]);
  readonly progress = NEVER;
  paused = false;
  scans = 0;
  pushes = 0;
  readonly waits = () => [];
  readonly transfers = () => [];
  readonly isTarget = () => false;

  rescan(): void {
    this.scans += 1;
  }

  push(): number {
    this.pushes += 1;
    return this.pushes;
  }

  pause(on: boolean): void {
    this.paused = on;
  }
}

interface Served {
  readonly daemon: NotedDaemon;
  readonly store: MemoryStore;
  readonly socket: string;
  readonly api: RemoteApi;
}

async function served(test: (parts: Served) => Promise<void>): Promise<void> {
  const folder = await temporaryFolder();
  const socket = join(folder.path, 'db.sock');
  const [daemon, store] = [new NotedDaemon(), new MemoryStore()];
  const control = await serveControl(socket, databaseApi(new Records(store, systemClock), daemon));
  try {
    const api = await RemoteApi.connect(socket);
    assert.ok(api);
    await test({ daemon, store, socket, api });
  } finally {
    await control[Symbol.asyncDispose]();
    await folder.remove();
  }
}

describe('actions over the socket', () => {
  it('scan at once, pause and resume', () =>
    served(async ({ daemon, api }) => {
      assert.deepEqual(await api.rescan(), { message: '' });
      assert.equal(daemon.scans, 1);
      assert.deepEqual(await api.push(), { message: '1 file goes now' });
      assert.deepEqual(await api.push(), { message: '2 files go now' });
      assert.deepEqual(await api.pause(true), { message: 'paused' });
      assert.equal((await api.status()).paused, true);
      assert.match((await api.rescan()).message, /^paused: it is done when/);
      assert.deepEqual(await api.pause(false), { message: 'resumed' });
      assert.equal(daemon.paused, false);
    }));

  it('need a daemon', async () => {
    const api = databaseApi(new Records(new MemoryStore(), systemClock));
    await failsWith(() => api.rescan(), 'unavailable');
    await failsWith(() => api.pause(true), 'unavailable');
    await failsWith(() => api.push(), 'unavailable');
  });
});
