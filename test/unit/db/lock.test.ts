import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { acquireLock, type Lock } from '../../../src/db/lock.js';
import { failsWith } from '../../conformance/support.js';

describe('database lock', () => {
  const path = `/data/${randomUUID()}.json`;
  let lock: Lock;

  beforeEach(async () => {
    lock = await acquireLock(path);
  });

  afterEach(() => lock.release());

  it('refuses a second holder, names the database and the cure', async () => {
    const error = await failsWith(() => acquireLock(path), 'config');
    assert.equal(error.path, path);
    assert.match(error.message, /another filesync is using the database .*stop it first, or /);
    assert.ok(error.message.includes(path));
  });

  it('other databases are free', async () => {
    const other = await acquireLock(`${path}x`);
    await other.release();
  });

  it('is free again after the release; a second release does nothing', async () => {
    await Promise.all([lock.release(), lock.release()]);
    lock = await acquireLock(path);
    await failsWith(() => acquireLock(path), 'config');
  });

  it('a client that connects to it is sent away, and cannot keep it from being released', async () => {
    const name = createHash('sha256').update(path).digest('hex').slice(0, 32);
    const socket = connect({ path: `\0filesync-${name}` });
    socket.on('error', () => undefined);
    await once(socket, 'close');
    await lock.release();
    lock = await acquireLock(path);
  });
});
