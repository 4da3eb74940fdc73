import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually } from '../../conformance/support.js';
import { fileRecord } from '../../fakes/file-record.js';
import { PASSWORD, LOCKED, serving, type Limits } from './serving.js';

/** Short limits, and what is long enough to be no part of them. */
const SHORT: Partial<Limits> = { headersMs: 400, requestMs: 800, idleMs: 1_000 };

const open = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
};

/** Sends the text again and again until the server ends the connection; resolves to what it has answered. */
async function dribble(socket: Socket, text: string): Promise<string> {
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString()));
  const timer = setInterval(() => socket.write(text), 50);
  await once(socket, 'close');
  clearInterval(timer);
  return answer;
}

const HEAD =
  'POST /api/v1/files/retry HTTP/1.1\r\nHost: localhost\r\nX-FileSync: 1\r\nContent-Type: application/json\r\n';

describe('a slow client', () => {
  it('whose header never ends is cut off', () =>
    serving({ limits: SHORT }, async ({ port, ask }) => {
      const socket = await open(port);
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n');
      assert.match(await dribble(socket, 'X-More: and more\r\n'), /^(HTTP\/1\.1 408 .*)?/);
      assert.equal((await ask('/healthz')).status, 200);
    }));

  it('that sends nothing at all is cut off', () =>
    serving({ limits: SHORT }, async ({ port }) => {
      const socket = await open(port);
      await once(socket.resume(), 'close');
    }));

  it('whose body comes a byte at a time is cut off', () =>
    serving({ limits: SHORT }, async ({ port }) => {
      const socket = await open(port);
      socket.write(`${HEAD}Content-Length: 100000\r\n\r\n`);
      await dribble(socket, ' ');
    }));

  it('whose password comes a byte at a time is cut off', () =>
    serving({ web: LOCKED, limits: SHORT }, async ({ port }) => {
      const socket = await open(port);
      socket.write(
        `${HEAD.replace('files/retry', 'session')}Transfer-Encoding: chunked\r\n\r\n${PASSWORD.length.toString(16)}\r\n`,
      );
      await dribble(socket, 'x');
    }));

  it('that never reads the events is dropped, and gets no more than waits for it', () =>
    serving({ limits: { connectionsOfAddress: 1 } }, async ({ port, store, ask }) => {
      const socket = await open(port);
      socket.write('GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await once(socket, 'readable');
      const reason = 'x'.repeat(8_000);
      // The address has no other connection until the server has dropped this one.
      const isDropped = () =>
        ask('/healthz').then(
          () => true,
          () => false,
        );
      await eventually(async () => {
        for (let number = 1; number <= 100; number++) await store.put(fileRecord(number, { reason }));
        return isDropped();
      });
      let received = 0;
      socket.on('data', (data: Buffer) => (received += data.length));
      await once(socket, 'close');
      // The kernel holds a few megabytes for a connection.
      assert.ok(received > 500_000 && received < 30_000_000, `${received} bytes`);
    }));

  it('is one of a limited number, and of one address', () =>
    serving({ limits: { connectionsOfAddress: 4 } }, async ({ port, ask }) => {
      const held = await Promise.all(Array.from({ length: 4 }, () => open(port)));
      const fifth = await open(port);
      await once(fifth.resume(), 'close');
      assert.ok(held.every(({ destroyed }) => !destroyed));
      held[0]?.destroy();
      await eventually(() =>
        ask('/healthz').then(
          ({ status }) => status === 200,
          () => false,
        ),
      );
      for (const socket of held) socket.destroy();
    }));
});
