import assert from 'node:assert/strict';
import { routes } from '../../../src/api/routes.js';
import type { Scope } from '../../../src/config/web.js';
import { bearer, LOCKED, PASSWORD, serving, WRITE, type Asked } from './serving.js';

/** Every route of the table, as it is asked. */
const TABLE = routes.map(({ method, path, scope }) => ({
  ...{ method, scope, path: `/api/v1${path.replaceAll(/\{\w+\}/g, 'abc')}` },
}));
const GUARDED = TABLE.filter(({ scope }) => scope !== 'none');
const WRITES = TABLE.filter(({ method }) => method !== 'GET');

const other = (scope: string): Scope => (scope === 'read' ? 'operate' : 'read');

/** Statuses by route. */
async function statuses(
  ask: (path: string, asked?: Asked) => Promise<{ readonly status: number }>,
  all: readonly { readonly method: string; readonly path: string; readonly scope: string }[],
  asked: (scope: Scope) => Asked,
): Promise<string[]> {
  const found: string[] = [];
  for (const { method, path, scope } of all) {
    const { status } = await ask(path, {
      body: method === 'GET' ? '' : '{}',
      ...asked(scope as Scope),
      method,
    });
    found.push(`${method} ${path} ${status}`);
  }
  return found;
}

const all = (routes: readonly { readonly method: string; readonly path: string }[], status: number) =>
  routes.map(({ method, path }) => `${method} ${path} ${status}`);

describe('every route of the table', () => {
  it('is refused to who is not known: 401', () =>
    serving({ web: LOCKED }, async ({ ask }) => {
      assert.ok(GUARDED.length > 10);
      assert.deepEqual(await statuses(ask, GUARDED, () => ({ headers: WRITE })), all(GUARDED, 401));
      const wrong = { headers: { ...WRITE, authorization: 'Bearer fs_wrong' } };
      assert.deepEqual(await statuses(ask, GUARDED, () => wrong), all(GUARDED, 401));
      const { headers } = await ask('/api/v1/status');
      assert.match(headers['www-authenticate'] ?? '', /^Bearer /);
    }));

  it('is refused to a token of another scope: 403', () =>
    serving({ web: LOCKED }, async ({ ask }) => {
      const asked = (scope: Scope) => ({ headers: { ...WRITE, ...bearer(other(scope)) } });
      assert.deepEqual(await statuses(ask, GUARDED, asked), all(GUARDED, 403));
      const metrics = () => ({ headers: { ...WRITE, ...bearer('metrics') } });
      assert.deepEqual(await statuses(ask, GUARDED, metrics), all(GUARDED, 403));
    }));

  it('is refused to pages of others: 403', () =>
    serving({}, async ({ ask, port }) => {
      for (const headers of [
        { origin: 'http://evil.example' },
        { origin: 'null' },
        { origin: 'http://127.0.0.1:1' },
        { origin: `http://127.0.0.1:${port}.evil.example` },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' },
      ])
        assert.deepEqual(
          await statuses(ask, TABLE, () => ({ headers: { ...WRITE, ...headers } })),
          all(TABLE, 403),
        );
    }));

  it('changes nothing without X-FileSync: 403', () =>
    serving({}, async ({ ask }) => {
      const asked = () => ({ headers: { 'content-type': 'application/json' } });
      assert.deepEqual(await statuses(ask, WRITES, asked), all(WRITES, 403));
    }));

  it('takes no body that a form could send: 415', () =>
    serving({}, async ({ ask }) => {
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/jsonp',
        undefined,
      ]) {
        const headers = { 'x-filesync': '1', ...(type !== undefined && { 'content-type': type }) };
        assert.deepEqual(await statuses(ask, WRITES, () => ({ headers })), all(WRITES, 415));
      }
    }));

  it('answers under known names alone: 421', () =>
    serving({}, async ({ ask }) => {
      for (const host of [
        'evil.example',
        'localhost.evil.example',
        '127.0.0.1.evil.example',
        '10.0.0.1',
        '[::1]',
        'a b',
      ])
        assert.deepEqual(
          await statuses(ask, TABLE, () => ({ headers: { ...WRITE, host } })),
          all(TABLE, 421),
          host,
        );
    }));

  it('allows no page of others to read it', () =>
    serving({}, async ({ ask }) => {
      for (const { path } of TABLE) {
        const { headers, status } = await ask(path, {
          method: 'OPTIONS',
          headers: { origin: 'http://evil.example', 'access-control-request-method': 'POST' },
        });
        assert.ok(status >= 400, `${path} ${status}`);
        assert.deepEqual(
          Object.keys(headers).filter(name => name.startsWith('access-control')),
          [],
        );
      }
    }));
});

describe('a request', () => {
  it('may come from this machine to a page without a password', () =>
    serving({}, async ({ ask, port }) => {
      assert.equal((await ask('/api/v1/status')).status, 200);
      const own = { ...WRITE, origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' };
      assert.equal((await ask('/api/v1/rescan', { method: 'POST', headers: own })).status, 200);
      // Of a proxy that has a login of its own.
      const basic = await ask('/api/v1/status', { headers: { authorization: 'Basic YTpi' } });
      assert.equal(basic.status, 200);
    }));

  it('needs the token of its scope, and that in the header', () =>
    serving({ web: LOCKED }, async ({ ask }) => {
      const token = bearer('read').authorization.slice('Bearer '.length);
      assert.equal((await ask('/api/v1/status', { headers: bearer('read') })).status, 200);
      for (const query of [`token=${token}`, `access_token=${token}`, `authorization=Bearer%20${token}`])
        assert.equal((await ask(`/api/v1/status?${query}`)).status, 401);
      const operate = { method: 'POST', headers: { ...WRITE, ...bearer('operate') } };
      assert.equal((await ask('/api/v1/rescan', operate)).status, 200);
    }));

  it('needs a token where there are tokens but no password', () =>
    serving({ web: { tokens: LOCKED.tokens } }, async ({ ask }) => {
      assert.equal((await ask('/api/v1/status')).status, 401);
      assert.equal((await ask('/api/v1/status', { headers: bearer('read') })).status, 200);
      const { body } = await ask('/api/v1/session');
      assert.deepEqual(JSON.parse(body), { scopes: [], login: false });
    }));

  it('may name the server as people do', () =>
    serving({ web: { hosts: ['Proxy.example.net', '2001:DB8::1'] } }, async ({ ask }) => {
      for (const host of [
        ...['localhost', 'LOCALHOST:8474', '127.0.0.1', 'drone1', 'drone1.local:80', 'drone1.example.org.'],
        ...['proxy.example.net:443', '[2001:db8:0::1]:80'],
      ])
        assert.equal((await ask('/api/v1/status', { headers: { host } })).status, 200, host);
    }));

  it('is told apart: an unknown path is a 404, a wrong method a 405 with what is allowed', () =>
    serving({ web: LOCKED }, async ({ ask }) => {
      const headers = { ...WRITE, ...bearer('read') };
      assert.equal((await ask('/api/v1/nothing', { headers })).status, 404);
      assert.equal((await ask('/status', { headers })).status, 404);
      const wrong = await ask('/api/v1/status', { method: 'POST', headers });
      assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'GET, HEAD']);
      const page = await ask('/', { method: 'POST', headers });
      assert.deepEqual([page.status, page.headers.allow], [405, 'GET, HEAD']);
      const session = await ask('/api/v1/session', { method: 'PUT', headers });
      assert.deepEqual([session.status, session.headers.allow], [405, 'GET, HEAD, POST, DELETE']);
      assert.equal((await ask('http://evil.example/', { headers })).status, 404);
    }));

  it('is answered with headers that keep the page to itself', () =>
    serving({ web: LOCKED }, async ({ ask }) => {
      for (const [path, asked] of [
        ['/', {}],
        ['/api/v1/status', { headers: bearer('read') }],
        ['/api/v1/status', {}],
        ['/nothing.js', {}],
        ['/healthz', { headers: { host: 'evil.example' } }],
        ['/api/v1/session', { method: 'POST', headers: WRITE, body: JSON.stringify({ password: PASSWORD }) }],
      ] as const) {
        const { headers } = await ask(path, asked);
        assert.equal(
          headers['content-security-policy'],
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        );
        assert.equal(headers['x-content-type-options'], 'nosniff');
        assert.equal(headers['referrer-policy'], 'no-referrer');
        assert.equal(headers['cache-control'], 'no-store');
      }
    }));
});

describe('/metrics', () => {
  const counted: string[] = [];
  const metrics = {
    text: async () => 'filesync_paused 0\n',
    requested: (route: string, code: number) => void counted.push(`${route} ${code}`),
  };

  it('is for the scope metrics, and for read', () =>
    serving({ web: LOCKED, parts: { metrics } }, async ({ ask }) => {
      for (const scope of ['metrics', 'read'] as const) {
        const { status, headers, body } = await ask('/metrics', { headers: bearer(scope) });
        assert.deepEqual([status, body], [200, 'filesync_paused 0\n']);
        assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
      }
      assert.equal((await ask('/metrics', { headers: bearer('operate') })).status, 403);
      assert.equal((await ask('/metrics')).status, 401);
      assert.equal((await ask('/metrics', { headers: { host: 'evil.example' } })).status, 421);
    }));

  it('counts answers by routes of a fixed set', async () => {
    counted.length = 0;
    await serving({ parts: { metrics } }, async ({ ask }) => {
      for (const path of ['/api/v1/files/abc', '/api/v1/abc/def', '/api/v1/session', '/abc.js', '/metrics'])
        await ask(path);
      await ask('/healthz', { headers: { host: 'evil.example' } });
    });
    assert.deepEqual(counted, [
      ...['/files/{id} 404', 'unknown 404', '/session 200', 'page 404', '/metrics 200', '/healthz 421'],
    ]);
  });
});

describe('/healthz', () => {
  it('says without a login whether the daemon works, and nothing else', async () => {
    await serving({ web: LOCKED }, async ({ ask, api }) => {
      const { status, body } = await ask('/healthz');
      assert.deepEqual({ status, body }, { status: 200, body: 'ok\n' });
      Object.defineProperty(api, 'problem', { value: 'the disk at /secret/place is full' });
      const ill = await ask('/healthz');
      assert.equal(ill.status, 503);
      assert.doesNotMatch(ill.body, /secret/);
    });
  });
});
