import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { firstValueFrom } from 'rxjs';
import type { ReceiverReply } from '../../../src/demo/receiver.js';
import { flightReview } from '../../../src/devices/flight-review.js';
import { locationIn, unknownOutcome, type Upload } from '../../../src/devices/http/answer.js';
import { isSameSite, locationOf } from '../../../src/devices/http/location.js';
import { http } from '../../../src/devices/http.js';
import type { ErrorKind, FileSyncError } from '../../../src/errors.js';
import type { ByteStream, Receipt } from '../../../src/ports.js';
import { failsWith, sample } from '../../conformance/support.js';
import { makeTarget } from '../../servers/device.js';
import { assertLinear } from '../../servers/growth.js';
import { chunks, Events, never, outgoing } from '../../servers/outgoing.js';
import { withUpload, type UploadSetup } from '../../servers/upload-bench.js';

const BYTES = sample(20_000);
const ULOG = Buffer.concat([Buffer.from('554c6f67011235', 'hex'), sample(1_999_993)]);
const LOGIN_PAGE = '<html><form action="/in">Please log in<input type="password"></form></html>';

/** The receipt of an upload with that answer. */
async function receiptFor(answer: ReceiverReply, more: Partial<UploadSetup> = {}): Promise<Receipt> {
  const troubles = [{ after: Infinity, answer }];
  let receipt: Receipt | undefined;
  await withUpload({ type: http, page: '/plain', troubles, ...more }, async ({ target }) => {
    receipt = await target.write(outgoing(BYTES), 'log.ulg', 0, never, new Events());
  });
  assert.ok(receipt);
  return receipt;
}

const refusalOf = (
  answer: ReceiverReply,
  kind: ErrorKind,
  more: Partial<UploadSetup> = {},
): Promise<FileSyncError> => failsWith(() => receiptFor(answer, more), kind);

describe('answers to an upload', () => {
  it('a login page with the status of success is no success', async () => {
    for (const body of [
      LOGIN_PAGE,
      '<!DOCTYPE html><FORM>Wi-Fi portal: enter your voucher</FORM>',
      '\n<html><meta http-equiv="refresh" content="0; url=http://10.0.0.1/login"></html>',
    ]) {
      const error = await refusalOf({ status: 200, body }, 'denied');
      assert.match(error.message, /a login page answered/);
    }
  });

  it('a page without a login is a success', async () => {
    await receiptFor({ status: 200, body: '<html>Thank you, your log has arrived</html>' });
  });

  it('a JSON answer that reports a failure is no success', async () => {
    for (const json of [
      { success: false, error: 'quota exceeded' },
      { ok: false },
      { status: 'error', message: 'quota exceeded' },
      { error: { code: 7 } },
      { error: 'quota exceeded' },
    ]) {
      const error = await refusalOf({ status: 200, body: JSON.stringify(json) }, 'rejected');
      assert.match(error.message, /did not store the file.*200/);
    }
  });

  it('a JSON answer without a failure is a success', async () => {
    for (const json of [
      { success: true },
      { error: null },
      { error: '' },
      { status: 'ok' },
      [],
      'text',
      7,
      null,
    ])
      await receiptFor({ status: 200, body: JSON.stringify(json) });
  });

  const successes: [success: object, answer: ReceiverReply, stored: boolean][] = [
    [{ status: 201 }, { status: 201 }, true],
    [{ status: 201 }, { status: 200 }, false],
    [{ status: [200, 201] }, { status: 200 }, true],
    [{ json: { ok: true } }, { status: 200, body: '{"ok":true,"more":1}' }, true],
    [{ json: { ok: true } }, { status: 200, body: '{"ok":"true"}' }, false],
    [{ json: { ok: true } }, { status: 200, body: 'ok' }, false],
    [{ json: { 'result.stored': 1 } }, { status: 200, body: '{"result":{"stored":1}}' }, true],
    [{ json: { result: { stored: 1 } } }, { status: 200, body: '{"result":{"stored":1,"id":2}}' }, true],
    [{ json: { constructor: true } }, { status: 200, body: '{}' }, false],
    [{ pattern: '^stored \\d+' }, { status: 200, body: 'stored 7' }, true],
    [{ pattern: '^stored \\d+' }, { status: 200, body: 'not stored 7' }, false],
    [{ status: 200, pattern: 'stored' }, { status: 201, body: 'stored' }, false],
    [{ json: { error: 'none' } }, { status: 200, body: '{"error":"none"}' }, true],
  ];
  for (const [success, answer, stored] of successes) {
    it(`success ${JSON.stringify(success)}: ${answer.status} "${answer.body}" is ${stored ? 'one' : 'none'}`, async () => {
      const options = { success };
      if (stored) await receiptFor(answer, { options });
      else await refusalOf(answer, 'rejected', { options });
    });
  }

  it('refuses a success that no answer could be compared with', () => {
    const url = 'https://files.test/in';
    for (const success of [{ pattern: '(' }, { status: 7 }, { states: 200 }])
      assert.equal(http.options.safeParse({ url, success }).success, false, JSON.stringify(success));
  });

  it('says in its availability that any host in between can answer to plain http', async () => {
    const proxy = createServer(socket => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const http_proxy = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const target = await makeTarget(http, { url: 'http://files.test/in' }, { env: { http_proxy } });
    const { available, reason } = await firstValueFrom(target.availability);
    await target.close();
    proxy.close();
    assert.ok(available);
    assert.match(reason, /files\.test accepts connections, but http:\/\/ is not encrypted.*https:\/\//);
  });

  const sites: [string, string, boolean][] = [
    ['files.example.org', 'www.example.org', true],
    ['a.co.uk', 'b.co.uk', false],
    ['one.github.io', 'two.github.io', false],
    ['10.0.0.1', '10.0.0.2', false],
    ['10.0.0.1', '10.0.0.1', true],
    ['nas', 'nas', true],
    ['nas', 'portal', false],
    ['a.local', 'b.local', false],
  ];
  for (const [one, other, same] of sites) {
    it(`${one} and ${other} are ${same ? 'one site' : 'two sites'}`, () =>
      assert.equal(isSameSite(new URL(`http://${one}`), new URL(`http://${other}`)), same));
  }

  it('no location is anything but a web address of a reasonable length', () => {
    const base = new URL('https://files.test/in');
    for (const text of [
      'javascript:alert(1)',
      'file:///etc/passwd',
      'data:text/html,x',
      `/${'x'.repeat(65_000)}`,
      'http://',
    ]) {
      assert.equal(locationOf({ body: '', location: text }, base), undefined, text.slice(0, 40));
      assert.equal(locationOf({ body: JSON.stringify({ url: text }), location: undefined }, base), undefined);
    }
    assert.equal(locationOf({ body: '', location: '/a b' }, base)?.href, 'https://files.test/a%20b');
  });

  it('masks in the location, too, what was sent as a secret', async () => {
    const over = { secret: () => 'Bearer s3cr3t-t0k3n', env: {} };
    const options = {
      headers: { Authorization: { env: 'UPLOAD_AUTH' } },
      fields: { api_token: 'f13ld-t0k3n', note: 'x' },
    };
    const page = '/plain?sig=qu3ry-v4lue';
    const echo = '/files/1?t=s3cr3t-t0k3n&f=f13ld-t0k3n&q=qu3ry-v4lue';
    const { location } = await receiptFor(
      { status: 303, headers: { location: echo } },
      { over, options, page },
    );
    assert.match(location, /\/files\/1\?t=\*\*\*&f=\*\*\*&q=\*\*\*$/);
    const body = `<p>${'s3cr3t-t0k3n f13ld-t0k3n qu3ry-v4lue '.repeat(3)}`;
    for (const status of [400, 500]) {
      const error = await failsWith(
        () => receiptFor({ status, body }, { over, options, page }),
        status === 400 ? 'rejected' : 'lost-answer',
      );
      assert.doesNotMatch(error.message, /t0k3n|qu3ry/);
    }
  });

  it("masks the proxy's login, which a proxy sees of a request by plain http", async () => {
    const proxy = createHttpServer((request, response) => {
      request.resume().on('end', () => response.writeHead(403).end(request.headers['proxy-authorization']));
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const env = { http_proxy: `http://pilot:pr0xy-s3cr3t@127.0.0.1:${port}` };
    const target = await makeTarget(http, { url: 'http://files.test/in' }, { env });
    const error = await failsWith(
      () => target.write(outgoing(BYTES), 'log.ulg', 0, never, new Events()),
      'denied',
    );
    await target.close();
    proxy.close();
    assert.match(error.message, /403 "Basic .*\*\*\*/);
    const login = Buffer.from('pilot:pr0xy-s3cr3t').toString('base64');
    assert.ok(!error.message.includes(login.slice(8, 18)), error.message);
  });

  for (const type of [http, flightReview]) {
    it(`${type.type}: a connection that breaks while the rest is in the kernel's queue has not lost an answer`, async () => {
      let allRead = (): void => undefined;
      const rest = new Promise<void>(resolve => (allRead = resolve));
      const server = createServer(socket => void breakAfter(socket, 300_000, rest));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
      // A server that reads all it is sent never answers the question which Flight Review it is.
      const target = await makeTarget(type, type === flightReview ? { url, api: 'v1' } : { url });
      const events = new Events();
      try {
        const open = (offset: number): ByteStream => thenCall(chunks(ULOG, offset), allRead);
        const file = outgoing(ULOG, { open });
        await failsWith(() => target.write(file, 'log.ulg', 0, never, events), 'unavailable');
        assert.equal(events.commits, 0);
      } finally {
        await target.close();
        server.close();
      }
    });
  }

  for (const bytes of [BYTES, sample(0)]) {
    it(`puts ${bytes.length} bytes of a file alone to an address that is made for it`, async () => {
      const requests: string[] = [];
      const bodies: Buffer[] = [];
      const server = createHttpServer((request, response) => {
        requests.push(`${request.method} ${request.url} ${request.headers['content-length']}`);
        request
          .on('data', (chunk: Buffer) => bodies.push(chunk))
          .on('end', () => response.writeHead(201).end());
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const options = { url: `${origin}/in/{file.path}?of={file.name}`, method: 'PUT', body: 'raw' };
      const target = await makeTarget(http, options);
      const render = (template: string): string =>
        template.replace('{file.path}', 'a b/ü#?.ulg').replace('{file.name}', 'x&y');
      const events = new Events();
      const { location } = await target.write(outgoing(bytes, { render }), 'log.ulg', 0, never, events);
      await target.close();
      server.close();
      assert.deepEqual(requests, [`PUT /in/a%20b/%C3%BC%23%3F.ulg?of=x%26y ${bytes.length}`]);
      assert.deepEqual(Buffer.concat(bodies), Buffer.from(bytes));
      assert.equal(location, `${origin}/in/a%20b/%C3%BC%23%3F.ulg`);
      assert.equal(events.commits, 1);
    });
  }

  it('refuses an address with an unknown placeholder, or one in the host', () => {
    for (const url of ['https://files.test/{file.nam}', 'https://{hostname}.test/in', 'ftp://files.test/in'])
      assert.equal(http.options.safeParse({ url }).success, false, url);
  });

  const worst: Readonly<Record<string, string>> = {
    'JSON that does not end': '{"url":',
    'arrays': '[',
    'tags': '<',
    'scripts': '<script',
    'forms': '<form type=',
    'slashes': '/log',
    'words of a login': 'log in',
    'digits': '1',
  }; // prettier-ignore
  for (const [name, piece] of Object.entries(worst)) {
    it(`takes linear time for an answer of ${name}`, () =>
      assertLinear(
        length => piece.repeat(Math.ceil(length / piece.length)),
        text => [200, 302, 413, 500].map(status => outcomeOf(status, text)),
      ));
  }
});

function outcomeOf(status: number, text: string): unknown {
  const upload: Upload = {
    details: {},
    url: new URL('https://files.test/in'),
    size: 7,
    complete: true,
    secrets: ['s3cr3t-t0k3n'],
    now: 0,
  };
  const answer = { status, location: text, retryAfter: text, limit: text, body: text };
  try {
    return unknownOutcome(answer, upload) ?? locationIn(answer, upload);
  } catch (error) {
    return error;
  }
}

/** Reads so many bytes, and resets the connection when `rest`, all others, wait in the sender's kernel. */
async function breakAfter(socket: Socket, bytes: number, rest: Promise<void>): Promise<void> {
  socket.on('error', () => undefined);
  while (socket.bytesRead < bytes) {
    const [piece] = (await once(socket, 'data').catch(() => [])) as Buffer[];
    if (!piece) return;
  }
  socket.pause();
  await rest;
  socket.resetAndDestroy();
}

async function* thenCall(bytes: ByteStream, done: () => void): ByteStream {
  yield* bytes;
  done();
}
