import assert from 'node:assert/strict';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RemoteApi } from '../../../src/api/client.js';
import { serveControl } from '../../../src/api/server.js';
import { controlSocket } from '../../../src/api/socket.js';
import { Records } from '../../../src/record/records.js';
import { systemClock } from '../../../src/system/clock.js';
import { openHandles } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { databaseApi } from '../../fakes/database-api.js';
import { MemoryStore } from '../../fakes/memory-store.js';

describe('The control socket', () => {
  it('lies beside the database, whatever the length of its path and name', async () => {
    for (const database of ['/a/db.json', `/${'x'.repeat(200)}/db.json`, `/a/${'é'.repeat(120)}`]) {
      const socket = controlSocket(database);
      assert.equal(dirname(socket), dirname(database));
      assert.ok(Buffer.byteLength(basename(socket)) <= 80);
      assert.equal(controlSocket(database), socket);
    }
    assert.notEqual(controlSocket(`/a/${'x'.repeat(120)}`), controlSocket(`/a/${'y'.repeat(120)}`));
  });

  it('is reached by a path longer than the kernel takes, and goes with the daemon', async () => {
    const home = await temporaryFolder();
    const folder = join(home.path, 'x'.repeat(100), 'y'.repeat(100));
    await mkdir(folder, { recursive: true });
    const socket = controlSocket(join(folder, 'filesync.json'));
    assert.equal(await RemoteApi.connect(socket), undefined);
    const before = await openHandles();
    const control = await serveControl(socket, databaseApi(new Records(new MemoryStore([]), systemClock)));
    try {
      assert.equal((await stat(socket)).mode & 0o777, 0o600);
      const api = await RemoteApi.connect(socket);
      assert.deepEqual((await api?.files({}))?.files, []);
    } finally {
      await control[Symbol.asyncDispose]();
    }
    assert.deepEqual(await readdir(folder), []);
    assert.equal(await openHandles(), before);
    assert.equal(await RemoteApi.connect(join(home.path, 'z'.repeat(120), 'filesync.json.sock')), undefined);
    await home.remove();
  });
});
