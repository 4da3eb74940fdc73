import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { ReceiverReply, Trouble } from '../../../src/demo/receiver.js';
import { http } from '../../../src/devices/http.js';
import { publicUrl } from '../../../src/devices/http/request-log.js';
import type { ErrorKind, FileSyncError } from '../../../src/errors.js';
import type { ByteStream, Target } from '../../../src/ports.js';
import { checksumOf, failsWith, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { systemClock } from '../../../src/system/clock.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { makeCertificates } from '../../servers/certificates.js';
import { makeTarget } from '../../servers/device.js';
import { freePort } from '../../servers/served.js';
import { chunks, Events, never, outgoing } from '../../servers/outgoing.js';
import { withUpload, type UploadSetup } from '../../servers/upload-bench.js';

const BYTES = sample(300_000);

/** More than the kernel takes on both sides together, so that the server cannot have it. */
const LARGE = Buffer.alloc(24_000_000, 'flight');
const setup: UploadSetup = { type: http, page: '/plain' };

const send = (target: Target, events = new Events(), bytes = BYTES) =>
  target.write(outgoing(bytes), 'sess001/log001.ulg', 0, never, events);

/** The answer to an upload, after the whole of it. */
const answered = (status: number, more: Partial<ReceiverReply> = {}): Trouble => ({
  after: Infinity,
  answer: { status, ...more },
});

/** The error of an upload with that trouble. */
async function errorOf(
  trouble: Trouble,
  kind: ErrorKind,
  more: Partial<UploadSetup> = {},
  bytes = BYTES,
): Promise<FileSyncError & { readonly commits: number }> {
  const events = new Events();
  let failure: FileSyncError | undefined;
  await withUpload({ ...setup, troubles: [trouble], ...more }, async ({ target }) => {
    failure = await failsWith(() => send(target, events, bytes), kind);
  });
  assert.ok(failure);
  return Object.assign(failure, { commits: events.commits });
}

describe('http target', () => {
  it('sends the file and the fields, with a length, and returns the location in the answer', () =>
    withUpload(
      { ...setup, options: { fields: { note: 'of {description}' } } },
      async ({ target, receiver }) => {
        const receipt = await send(target);
        const [received] = receiver.received;
        assert.ok(received);
        assert.deepEqual(received.fields, { note: 'of a flight' });
        assert.equal(received.name, 'log001.ulg');
        assert.equal(received.sha256, checksumOf('sha256', BYTES).value);
        assert.deepEqual(receipt, { location: receiver.url + received.location, verified: 'reply' });
      },
    ));

  it('returns the location in a Location header, and does not follow it', () =>
    withUpload(
      { ...setup, troubles: [answered(303, { headers: { location: '/files/7' } })] },
      async ({ target, receiver }) => {
        assert.equal((await send(target)).location, `${receiver.url}/files/7`);
        assert.equal(receiver.uploads, 1);
      },
    ));

  it("returns the upload's URL, without its query, if the answer has no location", () =>
    withUpload(
      { ...setup, page: '/plain?key=abc', troubles: [answered(204)] },
      async ({ target, receiver }) => {
        assert.equal((await send(target)).location, `${receiver.url}/plain`);
      },
    ));

  const answers: [status: number, kind: ErrorKind, temporary: boolean][] = [
    [400, 'rejected', false],
    [401, 'denied', true],
    [403, 'denied', true],
    [404, 'rejected', false],
    [408, 'busy', true],
    [413, 'too-large', false],
    [415, 'rejected', false],
    [422, 'rejected', false],
    [425, 'busy', true],
    [429, 'busy', true],
    [500, 'lost-answer', false],
    [502, 'lost-answer', false],
    [503, 'busy', true],
    [507, 'no-space', true],
    [501, 'rejected', false],
    [504, 'lost-answer', false],
    [520, 'lost-answer', false],
    [521, 'busy', true],
    [522, 'lost-answer', false],
    [523, 'busy', true],
    [524, 'lost-answer', false],
    [525, 'busy', true],
    [511, 'denied', true],
  ];
  for (const [status, kind, temporary] of answers) {
    it(`takes ${status} for ${kind}`, async () => {
      const error = await errorOf(answered(status, { body: 'so <b>it</b> is' }), kind);
      assert.equal(error.temporary, temporary);
      if (status !== 504) assert.match(error.message, new RegExp(`${status} "so it is"`));
    });
  }

  it('with a redirect that only moves the upload, nothing was stored', async () => {
    const location = 'https://127.0.0.1/plain';
    for (const status of [301, 302, 307, 308]) {
      const error = await errorOf(answered(status, { headers: { location } }), 'protocol');
      assert.match(error.message, /set url .*https:\/\/127\.0\.0\.1\/plain/);
    }
  });

  it('with a redirect to a login page, nothing was stored', async () => {
    for (const location of ['/login?next=/plain', 'http://portal.example.org/sign-in', '/accounts/signin/']) {
      const error = await errorOf(answered(302, { headers: { location } }), 'denied');
      assert.match(error.message, /refused the login.*302/);
    }
  });

  it('a redirect to another site may be that of a network in between: a lost answer', async () => {
    const error = await errorOf(
      answered(302, { headers: { location: 'http://10.0.0.1/welcome' } }),
      'lost-answer',
    );
    assert.match(error.message, /redirected to 10\.0\.0\.1 \(302\)/);
  });

  it('applies Retry-After in seconds and as a date', async () => {
    const seconds = await errorOf(answered(503, { headers: { 'retry-after': '120' } }), 'busy');
    assert.equal(seconds.retryAfterMs, 120_000);
    const clock = { ...systemClock, now: () => Date.UTC(2026, 0, 1) };
    const header = { 'retry-after': new Date(clock.now() + 90_000).toUTCString() };
    const date = await errorOf(answered(429, { headers: header }), 'busy', { over: { clock } });
    assert.equal(date.retryAfterMs, 90_000);
    const nonsense = await errorOf(answered(503, { headers: { 'retry-after': 'soon' } }), 'busy');
    assert.equal(nonsense.retryAfterMs, 0, 'it asks for less all the same');
    const broken = await errorOf(answered(500), 'lost-answer');
    assert.equal(broken.retryAfterMs, undefined, 'that is of one file');
  });

  it('an answer that is lost after the commit is a lost answer: held, or sent again if so configured', async () => {
    const cut: Trouble = { after: Infinity };
    const held = await errorOf(cut, 'lost-answer');
    assert.equal(held.temporary, false);
    assert.equal(held.commits, 1);
    const resent = await errorOf(cut, 'lost-answer', { options: { on_lost_answer: 'resend' } });
    assert.equal(resent.temporary, true);
  });

  it('a connection reset before the commit is unavailable', async () => {
    const error = await errorOf({ after: 1_000_000 }, 'unavailable', {}, LARGE);
    assert.equal(error.commits, 0);
    assert.match(error.message, /closed the connection \(connection reset\)/);
  });

  it('an early 413 is reported as that, with the size', async () => {
    const trouble: Trouble = { after: 0, answer: { status: 413, body: '<h1>Request Entity Too Large</h1>' } };
    for (let round = 0; round < 10; round++) {
      const error = await errorOf(trouble, 'too-large', {}, LARGE);
      assert.match(error.message, /\(the file has 24\.0 MB\): 413 "Request Entity Too Large"/);
      assert.equal(error.commits, 0);
    }
  });

  it('a 413 reports the limit in a header or in the body', async () => {
    for (const headers of [
      { 'upload-limit': 'max-age=3600, max-size=1048576' },
      { 'tus-max-size': '1048576' },
    ]) {
      const error = await errorOf(answered(413, { headers }), 'too-large');
      assert.match(error.message, /the file has 300\.0 kB, the limit is 1\.0 MB/);
    }
    const said = await errorOf(answered(413, { body: 'at most 100 MB' }), 'too-large');
    assert.match(said.message, /client_max_body_size.*\(the file has 300\.0 kB\): 413 "at most 100 MB"/);
  });

  it('a success before the whole file was sent is a protocol error', async () => {
    const early: Trouble = { after: 1_000_000, answer: { status: 200, body: 'please log in' } };
    const error = await errorOf(early, 'protocol', {}, LARGE);
    assert.match(error.message, /login page/);
  });

  it('a server that is offline is unavailable, however small the file', async () => {
    const target = await makeTarget(http, { url: `http://127.0.0.1:${await freePort()}/plain` });
    const events = new Events();
    const error = await failsWith(() => send(target, events, sample(10)), 'unavailable');
    assert.match(error.message, /refuses connections/);
    assert.equal(events.commits, 0);
  });

  it('a secret header reaches the server and no message', async () => {
    const over = { secret: () => 'Bearer s3cr3t-t0k3n' };
    const body = 'not allowed: Bearer s3cr3t-t0k3n, token s3cr3t-t0k3n';
    const options = { headers: { Authorization: { env: 'UPLOAD_AUTH' } } };
    const error = await errorOf(answered(403, { body }), 'denied', { over, options });
    assert.doesNotMatch(error.message, /s3cr3t/);
    const broken = await errorOf({ after: 1_000_000 }, 'unavailable', { over, options }, LARGE);
    assert.doesNotMatch(inspectAll(broken), /s3cr3t/);
  });

  it('logs requests at the level debug, without secrets', async () => {
    const logger = new RecordingLogger();
    const over = { secret: () => 'Bearer s3cr3t-t0k3n', logger };
    const options = { headers: { Authorization: { env: 'UPLOAD_AUTH' } } };
    const page = '/plain?key=hunter2&s3cr3t-t0k3n=1';
    const troubles = [answered(200), { after: Infinity }];
    await withUpload({ ...setup, page, options, over, troubles }, async ({ target, receiver }) => {
      await send(target);
      await failsWith(() => send(target), 'lost-answer');
      const [first = '', second = ''] = logger.messages('debug');
      const request = `POST ${receiver.url}/plain?key=***&***=***: `;
      assert.match(first.replace(request, ''), /^200, \d+ ms$/);
      assert.match(second.replace(request, ''), /^no answer \(.+\), \d+ ms$/);
      assert.equal(publicUrl(new URL('http://u:hunter2@files.test/a')), 'http://files.test/a');
      assert.doesNotMatch(JSON.stringify(logger.entries), /hunter2|s3cr3t/);
    });
  });

  it('a silent server times out', async () => {
    const clock = new VirtualClock();
    const silent: Trouble = { after: Infinity, until: new Promise(() => undefined) };
    await withUpload({ ...setup, ...hasty(clock), troubles: [silent] }, async ({ target }) => {
      await passing(
        clock,
        () => 20,
        failsWith(() => send(target), 'lost-answer'),
      );
    });
  });

  it('a slow upload does not time out', async () => {
    const clock = new VirtualClock();
    async function* slowly(): ByteStream {
      for await (const chunk of chunks(BYTES)) {
        await clock.sleep(6_000);
        yield chunk;
      }
      yielded = true;
    }
    let yielded = false;
    await withUpload({ ...setup, ...hasty(clock) }, async ({ target, receiver }) => {
      const file = outgoing(BYTES, { open: slowly });
      // After the last chunk only the real server takes time: the clock must not outrun it.
      await passing(clock, () => (yielded ? 5 : 100), target.write(file, 'log.ulg', 0, never, new Events()));
      assert.equal(receiver.received.length, 1);
    });
  });

  it('trusts the certificate authority of tls_ca, and no unknown one', async () => {
    const folder = await temporaryFolder();
    const { ca, certificate, key } = await makeCertificates(join(folder.path, 'tls'));
    const files = { cert: await readFile(certificate), key: await readFile(key) };
    const server = createHttpsServer(files, (request, response) =>
      request.resume().on('end', () => response.end()),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
    try {
      const events = new Events();
      const error = await failsWith(async () => send(await makeTarget(http, { url }), events), 'unavailable');
      assert.match(error.message, /unknown authority.*tls_ca/);
      assert.equal(events.commits, 0);
      assert.equal((await send(await makeTarget(http, { url, tls_ca: ca }))).location, url);
    } finally {
      server.close();
      await folder.remove();
    }
  });
});

/** Everything that a log could print of an error, its causes included. */
function inspectAll(error: unknown): string {
  return error instanceof Error ? `${inspect(error, { depth: 10, showHidden: true })}` : String(error);
}

/** A device that gives up after 10 s of silence, by that clock. */
const hasty = (clock: VirtualClock) => ({ over: { clock }, options: { timeout: '10s' } });

/** Lets time pass, in steps of so many ms, until the work ends. */
async function passing(clock: VirtualClock, step: () => number, work: Promise<unknown>): Promise<void> {
  let settled = false;
  const ended = work.finally(() => (settled = true));
  while (!settled) {
    await clock.advance(step());
    await delay(1);
  }
  await ended;
}
