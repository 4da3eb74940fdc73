import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { http } from '../../../src/devices/http.js';
import { proxyFor, ProxyError } from '../../../src/devices/proxy.js';
import { webdav } from '../../../src/devices/webdav.js';
import { failsWith, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { startReceiver } from '../../../src/demo/receiver.js';
import { davOptions } from '../../servers/dav-bench.js';
import { startDavServer, type DavServerOptions } from '../../servers/dav-servers.js';
import { makeTarget } from '../../servers/device.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';
import { freePort } from '../../servers/served.js';
import { PROXY_SECRETS, startWebProxy, type WebProxy } from '../../servers/web-proxy.js';

/** The same server by a name that is not that of the local machine. */
const elsewhere = (url: string): string => url.replace('127.0.0.1', 'files.test');

async function uploadThrough(proxy: WebProxy, env: Record<string, string>): Promise<string[]> {
  const folder = await temporaryFolder();
  const receiver = await startReceiver({ folder: folder.path });
  const target = await makeTarget(http, { url: `${elsewhere(receiver.url)}/plain` }, { env });
  try {
    await target.write(outgoing(sample(100_000)), 'a.ulg', 0, never, new Events());
    assert.equal(receiver.received.length, 1);
    return proxy.asked;
  } finally {
    await target.close();
    await receiver.close();
    await folder.remove();
  }
}

async function davThrough(options: DavServerOptions, env: Record<string, string>): Promise<void> {
  const server = await startDavServer('apache', options);
  const target = await makeTarget(webdav, { ...davOptions(server), url: elsewhere(server.url) }, { env });
  try {
    const receipt = await target.write(outgoing(sample(400_000)), 'a b.ulg', 0, never, new Events());
    assert.equal(receipt.location, `${elsewhere(server.url)}/a%20b.ulg`);
    assert.equal((await target.stat('a b.ulg', 'token', never)).size, 400_000);
  } finally {
    await target.close();
    await server.stop();
  }
}

describe('proxies from the environment', () => {
  let proxy: WebProxy;
  beforeEach(async () => {
    proxy = await startWebProxy();
  });
  afterEach(() => proxy.close());

  it('http requests have the absolute form', async () => {
    const asked = await uploadThrough(proxy, { HTTP_PROXY: proxy.url });
    assert.match(asked.join(), /^POST http:\/\/files\.test:\d+\/plain$/);
  });

  it('webdav over http requests too, with its own login', async () => {
    await davThrough({ auth: 'digest' }, { http_proxy: proxy.url });
    assert.ok(proxy.asked.some(line => /^MOVE http:\/\/files\.test:\d+\/dav/.test(line)));
  });

  it('https uses a tunnel, in which the certificate of the server is checked', async () => {
    await davThrough({ tls: true }, { HTTPS_PROXY: proxy.url });
    assert.ok(proxy.asked.length > 0);
    for (const line of proxy.asked) assert.match(line, /^CONNECT files\.test:\d+$/);
  });

  it('a login that the proxy refuses is reported with the remedy, and without the password', async () => {
    const wrong = proxy.url.replace('us%25er', 'nobody');
    for (const scheme of ['http', 'https']) {
      const env = { [`${scheme}_proxy`]: wrong };
      for (const type of [http, webdav]) {
        const target = await makeTarget(type, { url: `${scheme}://files.test:9/in` }, { env });
        const error = await failsWith(() =>
          target.write(outgoing(sample(10)), 'a.ulg', 0, never, new Events()),
        );
        await target.close();
        assert.equal(error.temporary, true);
        assert.match(error.message, /files\.test:9 .*proxy.*407|407.*proxy|proxy.*login/);
        assert.match(error.message, /USER:PASSWORD/);
        assert.doesNotMatch(inspect(error, { depth: 10, showHidden: true }), PROXY_SECRETS);
      }
    }
  });

  it('a proxy that is offline is named', async () => {
    const env = { https_proxy: `127.0.0.1:${await freePort()}` };
    const target = await makeTarget(webdav, { url: 'https://files.test/in' }, { env });
    const error = await failsWith(() => target.stat('a', 'token', never), 'unavailable');
    await target.close();
    assert.match(error.message, /^files\.test cannot be reached: the proxy 127.*https_proxy.* refuses/);
  });
});

describe('which proxy', () => {
  const env = {
    http_proxy: 'proxy.test:3128',
    HTTPS_PROXY: 'http://secure.test',
    ALL_PROXY: 'http://all.test',
  };
  const chosen = (url: string, more: Record<string, string> = {}) =>
    proxyFor(new URL(url), { ...env, ...more })?.url.host;

  it('depends on the protocol', () => {
    assert.equal(chosen('http://a.test/'), 'proxy.test:3128');
    assert.equal(chosen('https://a.test/'), 'secure.test');
    assert.equal(chosen('https://a.test/', { HTTPS_PROXY: '' }), 'all.test');
    assert.equal(proxyFor(new URL('https://a.test/'), {}), undefined);
  });

  it('is none for this machine', () => {
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]']) {
      assert.equal(chosen(`http://${host}/`), undefined);
    }
  });

  it('is none for what NO_PROXY names', () => {
    const NO_PROXY = 'a.test, .b.test,*.c.test 10.0.0.0/8,192.168.0.7,d.test:8080,[fd00::1]';
    for (const host of [
      'a.test',
      'x.a.test',
      'y.b.test',
      'z.c.test',
      '10.1.2.3',
      '192.168.0.7',
      'd.test:8080',
      '[fd00::1]',
    ]) {
      assert.equal(chosen(`http://${host}/`, { NO_PROXY }), undefined, host);
    }
    for (const host of ['aa.test', 'test', '11.1.2.3', '192.168.0.8', 'd.test', '[fd00::2]']) {
      assert.notEqual(chosen(`http://${host}/`, { NO_PROXY }), undefined, host);
    }
    assert.equal(chosen('http://e.test', { no_proxy: '*' }), undefined);
  });

  it('takes a password literally if it is not escaped', () => {
    const password = (written: string): string => {
      const proxy = proxyFor(new URL('http://a.test'), { http_proxy: `http://u:${written}@p.test` });
      return Buffer.from(proxy?.authorization?.slice('Basic '.length) ?? '', 'base64').toString();
    };
    assert.equal(password('a%20b'), 'u:a b');
    assert.equal(password('50%off'), 'u:50%off');
  });

  it('must be an HTTP or a SOCKS proxy; the error does not contain its URL', async () => {
    for (const bad of ['ftp://u:hunter2@proxy.test', 'http://[hunter2']) {
      const error = await rejection(async () => chosen('http://a.test', { http_proxy: bad }));
      assert.ok(error instanceof ProxyError);
      assert.match(error.message, /http_proxy/);
      assert.doesNotMatch(error.message, /hunter2/);
    }
  });
});

async function rejection(work: () => Promise<unknown>): Promise<Error> {
  const error: unknown = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Error);
  return error;
}
