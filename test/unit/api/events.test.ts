import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { BehaviorSubject, NEVER } from 'rxjs';
import { RemoteApi } from '../../../src/api/client.js';
import type { Daemon } from '../../../src/api/database-api.js';
import * as schema from '../../../src/api/schema.js';
import { serveControl } from '../../../src/api/server.js';
import { Records } from '../../../src/record/records.js';
import { systemClock } from '../../../src/system/clock.js';
import { eventually, failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { databaseApi } from '../../fakes/database-api.js';
import { fileRecord } from '../../fakes/file-record.js';
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

/** What the socket sends at `/events`, checked against the schema. */
async function listen(socketPath: string, path = '/events') {
  const asked = request({ socketPath, path });
  const [response] = (await once(asked.end(), 'response')) as [IncomingMessage];
  assert.equal(response.headers['content-type'], 'text/event-stream');
  let text = '';
  response.on('data', (data: Buffer) => (text += data.toString())).on('error', () => undefined);
  const events = () =>
    [...text.matchAll(/^event: (\w+)\ndata: (.*)\n\n/gm)].map(([, type, data = '']) => {
      const event = schema.event.parse(JSON.parse(data));
      assert.equal(event.type, type);
      return event;
    });
  return { events, asked };
}

describe('actions and events over the socket', () => {
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

  it('send the status now, then what changes, until the client has gone', () =>
    served(async ({ store, socket }) => {
      const { events, asked } = await listen(socket, '/api/v1/events');
      await eventually(async () => events().length > 0);
      assert.equal(events()[0]?.type, 'status');
      await store.put(fileRecord(1));
      await store.delete(fileRecord(1).id);
      const seen = () => events().map(({ type }) => type);
      await eventually(async () => seen().includes('file') && seen().includes('forgotten'));
      asked.destroy();
    }));

  it('end with the daemon, also for those who listen', () =>
    served(async ({ socket }) => {
      const { events } = await listen(socket);
      await eventually(async () => events().length > 0);
    }));
});
