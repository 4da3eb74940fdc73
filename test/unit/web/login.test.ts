import assert from 'node:assert/strict';
import { systemClock } from '../../../src/system/clock.js';
import { LoginLimit } from '../../../src/web/login-limit.js';
import { cookiesOf, Sessions } from '../../../src/web/sessions.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { configOf, LOCKED, PASSWORD, serving, WRITE, type Served } from './serving.js';

const MINUTE_MS = 60_000;

const login = ({ ask }: Pick<Served, 'ask'>, password: unknown) =>
  ask('/api/v1/session', { method: 'POST', headers: WRITE, body: JSON.stringify({ password }) });

/** What a browser sends back of the cookie that it got. */
const cookieOf = (headers: { readonly 'set-cookie'?: readonly string[] | undefined }): string =>
  headers['set-cookie']?.[0]?.split(';')[0] ?? '';

describe('a login', () => {
  it('sets a cookie that scripts and other sites do not get, and that opens everything', () =>
    serving({ web: LOCKED }, async served => {
      const { ask, port } = served;
      const anonymous = await ask('/api/v1/session');
      assert.deepEqual(JSON.parse(anonymous.body), { scopes: [], login: true });
      const { status, headers, body } = await login(served, PASSWORD);
      assert.equal(status, 200);
      assert.deepEqual(JSON.parse(body), { scopes: ['read', 'operate', 'metrics'], login: true });
      const [set = ''] = headers['set-cookie'] ?? [];
      assert.match(
        set,
        new RegExp(`^filesync-${port}=[\\w-]{43}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict$`),
      );
      const cookie = `other=1; ${cookieOf(headers)}; more=2`;
      assert.equal((await ask('/api/v1/status', { headers: { cookie } })).status, 200);
      const asked = { method: 'POST', headers: { ...WRITE, cookie } };
      assert.equal((await ask('/api/v1/rescan', asked)).status, 200);
      // A cookie is no proof against pages of others.
      const foreign = { ...asked, headers: { ...asked.headers, origin: 'http://evil.example' } };
      assert.equal((await ask('/api/v1/rescan', foreign)).status, 403);
    }));

  it('ends when the browser asks for it, and when the password is another one', () =>
    serving({ web: LOCKED }, async served => {
      const { ask, server } = served;
      const cookies = [
        cookieOf((await login(served, PASSWORD)).headers),
        cookieOf((await login(served, PASSWORD)).headers),
      ];
      const status = async (cookie = '') => (await ask('/api/v1/status', { headers: { cookie } })).status;
      const out = await ask('/api/v1/session', {
        method: 'DELETE',
        headers: { ...WRITE, cookie: cookies[0] },
      });
      assert.equal(out.status, 204);
      assert.match(out.headers['set-cookie']?.[0] ?? '', /=; Path=\/; Max-Age=0; /);
      assert.deepEqual([await status(cookies[0]), await status(cookies[1])], [401, 200]);
      await server.use(configOf({ ...LOCKED, hosts: ['another'] }));
      assert.equal(await status(cookies[1]), 200);
      await server.use(configOf({ ...LOCKED, password: LOCKED.password.replace(/.$/, 'A') }));
      assert.equal(await status(cookies[1]), 401);
    }));

  it('is refused with a wrong password, then for a minute: 429', () =>
    serving({ web: LOCKED }, async served => {
      const statuses: number[] = [];
      for (let attempt = 1; attempt <= 6; attempt++)
        statuses.push((await login(served, `wrong ${attempt}`)).status);
      assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429]);
      // Right or not: otherwise the answer would say which one it is.
      const { status, headers, body } = await login(served, PASSWORD);
      assert.equal(status, 429);
      const seconds = Number(headers['retry-after']);
      assert.ok(seconds > 0 && seconds <= 60, headers['retry-after']);
      assert.match(body, /too many attempts: wait \d+ s/);
      assert.ok(served.logger.messages('warn').some(line => /^wrong password from 127\.0\.0\.1$/.test(line)));
      assert.ok(!served.logger.messages().some(line => line.includes('wrong 1')));
    }));

  it('takes a password as a text and nothing else', () =>
    serving({ web: LOCKED }, async ({ ask }) => {
      const post = (body: string) => ask('/api/v1/session', { method: 'POST', headers: WRITE, body });
      for (const body of ['', '{}', '[]', '{"password":1}', '{"password":"a","user":"b"}', '{"password":'])
        assert.equal((await post(body)).status, 400, body);
      assert.equal((await post(`{"password":"${'x'.repeat(100_000)}"}`)).status, 413);
    }));

  it('has no use where there is no password', () =>
    serving({}, async served => {
      assert.equal((await login(served, PASSWORD)).status, 409);
      const { body } = await served.ask('/api/v1/session');
      assert.deepEqual(JSON.parse(body), { scopes: ['read', 'operate', 'metrics'], login: false });
    }));
});

describe('a session', () => {
  it('ends after 12 hours', async () => {
    const clock = new VirtualClock();
    const sessions = new Sessions(clock);
    const id = sessions.begin();
    await clock.advance(12 * 60 * MINUTE_MS - 1);
    assert.ok(sessions.isOpen(id));
    await clock.advance(1);
    assert.ok(!sessions.isOpen(id));
    assert.ok(!sessions.isOpen(''));
  });

  it('is one of 200: the oldest ends', () => {
    const sessions = new Sessions(systemClock);
    const ids = Array.from({ length: 201 }, () => sessions.begin());
    assert.deepEqual(
      ids.filter(id => !sessions.isOpen(id)),
      ids.slice(0, 1),
    );
  });

  it('is found among other cookies', () => {
    assert.deepEqual(cookiesOf('a=1; filesync-80=x;filesync-80=y; filesync-8=z', 'filesync-80'), ['x', 'y']);
    assert.deepEqual(cookiesOf(undefined, 'a'), []);
  });
});

describe('the limit of logins', () => {
  it('is 5 a minute of one address, and 20 of all', async () => {
    const clock = new VirtualClock();
    const limit = new LoginLimit(clock);
    const admitted = (address: string) => limit.admit(address) === 0;
    const of = (address: string, number: number) =>
      Array.from({ length: number }, () => admitted(address)).filter(Boolean).length;
    assert.equal(of('10.0.0.1', 9), 5);
    assert.equal(of('::ffff:10.0.0.1', 1), 0);
    // The addresses of one network are one computer's, for all that is known.
    assert.equal(of('2001:db8::1', 3) + of('2001:db8:0:0:1::2', 9), 5);
    assert.equal(of('fe80::1%eth0', 9), 5);
    assert.equal(of('10.0.0.2', 9), 5);
    assert.equal(of('10.0.0.3', 1), 0);
    assert.equal(limit.admit('10.0.0.3'), MINUTE_MS);
    await clock.advance(MINUTE_MS - 1);
    assert.equal(limit.admit('10.0.0.3'), 1);
    await clock.advance(1);
    assert.equal(of('10.0.0.3', 9), 5);
  });
});
