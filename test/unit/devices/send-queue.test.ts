import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { closeWhenIdle, flushed } from '../../../src/devices/send-queue.js';
import { systemClock } from '../../../src/system/clock.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

/** More than the kernel takes on both sides. */
const MUCH = Buffer.alloc(24_000_000);

describe('what was written and what was sent', () => {
  let server: Server;
  let far: Socket;
  let near: Socket;
  beforeEach(async () => {
    server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    near = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    [[far]] = await Promise.all([accepted, once(near, 'connect')]);
    far.on('error', () => undefined);
  });
  afterEach(() => {
    near.destroy();
    far.destroy();
    server.close();
  });

  it('is flushed when the other side has everything, not before', async () => {
    let done = false;
    near.write(MUCH);
    const waiting = flushed(near, 60_000, systemClock).then(() => (done = true));
    far.once('data', () => assert.equal(done, false));
    far.resume();
    await waiting;
    assert.equal(near.writableLength, 0);
  });

  it('is flushed at once with nothing written', () => flushed(near, 60_000, systemClock));

  it('is not flushed when the connection ends before, whichever side ends it', async () => {
    near.write(MUCH);
    const waiting = flushed(near, 60_000, systemClock);
    near.destroy();
    await assert.rejects(waiting, { code: 'ECONNRESET' });
    await assert.rejects(flushed(near, 60_000, systemClock), { code: 'ECONNRESET' });
  });

  it("is not flushed when the other side resets while the rest is in this kernel's queue", async () => {
    near.resume().write(Buffer.alloc(4_000_000));
    const waiting = assert.rejects(flushed(near, 60_000, systemClock), { code: /ECONNRESET|EPIPE/ });
    far.resetAndDestroy();
    await waiting;
  });

  it('closes the connection when the other side acknowledges nothing for the limit', async () => {
    const clock = new VirtualClock();
    near.write(MUCH);
    const broken = new Promise(resolve => near.once('close', resolve));
    let done = false;
    const waiting = assert.rejects(flushed(near, 10_000, clock), { code: 'ETIMEDOUT' });
    void waiting.finally(() => (done = true));
    while (!done) await clock.advance(5_000);
    await Promise.all([waiting, broken]);
    assert.equal((near.errored as NodeJS.ErrnoException).code, 'ETIMEDOUT');
  });

  it('a watch that has ended closes nothing', async () => {
    const clock = new VirtualClock();
    const ended = new AbortController();
    const watch = closeWhenIdle(near, 10_000, clock, ended.signal).catch(() => undefined);
    ended.abort();
    await watch;
    assert.equal(near.destroyed, false);
  });
});
