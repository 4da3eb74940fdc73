import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { bearer, configOf, LOCKED, PASSWORD, serving, WRITE, type Served } from './serving.js';

const HOURS_MS = 3_600_000;

/** The cookie of a new session. */
async function loggedIn({ ask }: Pick<Served, 'ask'>): Promise<string> {
  const body = JSON.stringify({ password: PASSWORD });
  const { headers } = await ask('/api/v1/session', { method: 'POST', headers: WRITE, body });
  return headers['set-cookie']?.[0]?.split(';')[0] ?? '';
}

/** A stream of events that is being sent; `ended` resolves when the server ends it. */
async function streaming(
  port: number,
  headers: Record<string, string>,
): Promise<{ readonly ended: Promise<unknown>; readonly isOpen: () => boolean; close(): void }> {
  const sent = request({ host: '127.0.0.1', port, path: '/api/v1/events', headers, agent: false });
  sent.on('error', () => undefined).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  assert.equal(answer.statusCode, 200);
  const ended = new Promise(resolve => answer.on('error', () => undefined).once('close', resolve));
  await once(answer, 'data');
  answer.resume();
  return { ended, isOpen: () => !answer.closed, close: () => sent.destroy() };
}

describe('a stream of events', () => {
  it('ends with the session of who reads it, and with no other one', () =>
    serving({ web: LOCKED }, async served => {
      const { ask, port } = served;
      const [cookie, other] = [await loggedIn(served), await loggedIn(served)];
      const [stream, others] = [await streaming(port, { cookie }), await streaming(port, { cookie: other })];
      await ask('/api/v1/session', { method: 'DELETE', headers: { ...WRITE, cookie } });
      await stream.ended;
      assert.ok(others.isOpen());
      others.close();
    }));

  it('ends when the password is another one, and when the token is unknown', () =>
    serving({ web: LOCKED }, async served => {
      const { server, port } = served;
      const cookie = await loggedIn(served);
      const streams = [await streaming(port, { cookie }), await streaming(port, bearer('read'))];
      await server.use(configOf({ ...LOCKED, hosts: ['another'] }));
      assert.deepEqual(
        streams.map(({ isOpen }) => isOpen()),
        [true, true],
      );
      await server.use(configOf({ password: LOCKED.password.replace(/.$/, 'A') }));
      await Promise.all(streams.map(({ ended }) => ended));
    }));

  it('ends after the 12 hours of its session', () => {
    const clock = new VirtualClock();
    return serving({ web: LOCKED, parts: { clock } }, async served => {
      const stream = await streaming(served.port, { cookie: await loggedIn(served) });
      await clock.advance(11 * HOURS_MS);
      assert.ok(stream.isOpen());
      await clock.advance(HOURS_MS + 60_000);
      await stream.ended;
    });
  });
});
