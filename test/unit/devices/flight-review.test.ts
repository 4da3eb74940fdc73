import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { flightReview } from '../../../src/devices/flight-review.js';
import type { Trouble } from '../../../src/demo/receiver.js';
import { checksumOf, failsWith, sample } from '../../conformance/support.js';
import type { Target } from '../../../src/ports.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { makeTarget } from '../../servers/device.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';
import { withUpload, type UploadSetup } from '../../servers/upload-bench.js';

const setup: UploadSetup = { type: flightReview, page: '' };

function ulog(size = 100_000): Uint8Array {
  const bytes = sample(size);
  bytes.set(Buffer.from('554c6f6701123501', 'hex'));
  return bytes;
}

const write = (bytes: Uint8Array) => [outgoing(bytes), 'log001.ulg', 0, never, new Events()] as const;

describe('flight-review target', () => {
  it('knows which pages are public', () => {
    const pageAt = (options: object) => flightReview.publicPage?.(flightReview.options.parse(options));
    assert.equal(pageAt({}), 'logs.px4.io');
    assert.equal(pageAt({ url: 'https://review.px4.io/upload' }), 'review.px4.io');
    assert.equal(pageAt({ url: 'https://logs.example.org' }), undefined);
    assert.equal(pageAt({ url: 'https://notpx4.io' }), undefined);
  });

  it('sends the fields of Flight Review and returns the location of the log', () =>
    withUpload(
      { ...setup, options: { email: 'pilot@example.org', fields: { feedback: 'windy' } } },
      async ({ target, receiver }) => {
        const { location, verified } = await target.write(...write(ulog()));
        const [received] = receiver.received;
        assert.ok(received);
        assert.equal(received.sha256, checksumOf('sha256', ulog()).value);
        assert.deepEqual(received.fields, {
          description: 'a flight',
          email: 'pilot@example.org',
          type: 'personal',
          source: 'FileSync',
          feedback: 'windy',
          redirect: 'false',
        });
        assert.equal(location, receiver.url + received.location);
        assert.match(location, /^http:\/\/127\.0\.0\.1:\d+\/plot_app\?log=[0-9a-f-]{36}$/);
        assert.equal(verified, 'reply');
      },
    ));

  for (const page of ['', '/', '/upload', '/upload/']) {
    it(`finds the upload page from the address with "${page}" at its end`, () =>
      withUpload({ ...setup, page }, async ({ target, receiver }) => {
        await target.write(...write(ulog()));
        assert.equal(receiver.received.length, 1);
      }));
  }

  it('takes a redirect to the log for a success, and does not follow it', () => {
    const redirect: Trouble = {
      after: Infinity,
      answer: { status: 302, headers: { location: '/plot_app?log=1' } },
    };
    return withUpload({ ...setup, troubles: [redirect] }, async ({ target, receiver }) => {
      assert.equal((await target.write(...write(ulog()))).location, `${receiver.url}/plot_app?log=1`);
    });
  });

  it('a success without the location of a log is a lost answer', () => {
    const page: Trouble = { after: Infinity, answer: { status: 200, body: '<html>welcome</html>' } };
    const other: Trouble = { after: Infinity, answer: { status: 302, headers: { location: '/welcome' } } };
    return withUpload({ ...setup, troubles: [page, other] }, async ({ target }) => {
      await failsWith(() => target.write(...write(ulog())), 'lost-answer');
      await failsWith(() => target.write(...write(ulog())), 'lost-answer');
    });
  });

  /** The header of PX4's encrypted logs ("Log Encryption", "File Structure"); the rest is anything. */
  const ulge = (): Uint8Array => {
    const bytes = sample(5000);
    bytes.set(Buffer.from('ULogEnc\u0001'));
    return bytes;
  };
  for (const [name, bytes] of [
    ['12_30_05.ulge', ulge()],
    ['12_30_05.ulgc', sample(5000)],
    ['12_30_05.ULGK', sample(256)],
  ] as const) {
    it(`leaves it to the server to read an encrypted log: ${name} is sent unchanged`, () =>
      withUpload(setup, async ({ target, receiver }) => {
        const file = outgoing(bytes, { source: { path: `log/${name}`, size: bytes.length } });
        const { location } = await target.write(file, `uav/${name}`, 0, never, new Events());
        assert.match(location, /\/plot_app\?log=/);
        const [received] = receiver.received;
        assert.equal(received?.name, name);
        assert.equal(received?.sha256, checksumOf('sha256', bytes).value);
      }));
  }

  it('knows an encrypted log by its header, not by its name alone', () =>
    withUpload(setup, async ({ target, receiver }) => {
      const bytes = sample(5000);
      const file = outgoing(bytes, { source: { path: 'log/a.ulge', size: bytes.length } });
      await failsWith(() => target.write(file, 'a.ulge', 0, never, new Events()), 'rejected');
      assert.equal(receiver.uploads, 0);
    }));

  it('sends nothing that the server would refuse', () =>
    withUpload({ ...setup, options: { max_size: '200KB' } }, async ({ target, receiver }) => {
      const notULog = await failsWith(() => target.write(...write(sample(5000))), 'rejected');
      assert.match(notULog.message, /not a ULog file/);
      await failsWith(() => target.write(...write(new Uint8Array(3))), 'rejected');
      const large = await failsWith(() => target.write(...write(ulog(300_000))), 'too-large');
      assert.match(large.message, /300\.0 kB, more than the 204\.8 kB of max_size/);
      const talkative = { ...outgoing(ulog()), render: () => 'ß'.repeat(5121) };
      const long = await failsWith(
        () => target.write(talkative, 'l.ulg', 0, never, new Events()),
        'rejected',
      );
      assert.match(long.message, /description is longer than 10 KB/);
      assert.equal(receiver.uploads, 0);
    }));
});

/** A site of PX4/flight-review-rs (`crates/server/src/main.rs` there), which gives these answers to uploads. */
async function withV2(
  answers: readonly [status: number, body: object][],
  work: (target: Target, asked: string[], logger: RecordingLogger) => Promise<void>,
  options: object = {},
  troubles: readonly number[] = [],
): Promise<void> {
  const asked: string[] = [];
  const troublesLeft = [...troubles];
  const left = [...answers];
  const server = createServer((request, response) => {
    let form = '';
    request.setEncoding('latin1').on('data', (text: string) => (form += text));
    request.on('end', () => {
      const names = [...form.matchAll(/form-data; name="(\w+)"/g)].map(([, name]) => name);
      asked.push([request.method, request.url, ...names].join(' '));
      const isUpload = request.method === 'POST' && request.url === '/api/upload';
      const trouble = request.method === 'GET' ? troublesLeft.shift() : undefined;
      if (trouble !== undefined) return response.writeHead(trouble).end();
      const isList = request.method === 'GET' && request.url === '/api/logs?limit=1';
      const [status, body] = (isUpload && left.shift()) || (isList ? [200, { logs: [] }] : [404, {}]);
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const logger = new RecordingLogger();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const target = await makeTarget(flightReview, { url, ...options }, { logger });
  try {
    await work(target, asked, logger);
  } finally {
    await target.close();
    server.closeAllConnections();
    server.close();
  }
}

describe('flight-review target on version 2', () => {
  const TOKEN = '0123456789abcdef0123456789abcdef';
  const stored = { id: '7b0f4a52-0000-4000-8000-000000000001', delete_token: TOKEN };

  it('asks for the version once, and returns the page of the log', () =>
    withV2(
      [
        [200, stored],
        [200, stored],
      ],
      async (target, asked, logger) => {
        const { location } = await target.write(...write(ulog()));
        await target.write(...write(ulog()));
        assert.match(
          location ?? '',
          /^http:\/\/127\.0\.0\.1:\d+\/log\/7b0f4a52-0000-4000-8000-000000000001$/,
        );
        const upload = 'POST /api/upload description source file';
        assert.deepEqual(asked, ['GET /api/logs?limit=1', upload, upload]);
        assert.doesNotMatch(inspect([location, logger], { depth: 9 }), new RegExp(TOKEN));
      },
    ));

  it('a log that it cannot convert is refused for good, since it is not stored', () =>
    withV2([[500, { error: 'conversion error: no ULog' }]], async target => {
      const error = await failsWith(() => target.write(...write(ulog())), 'rejected');
      assert.match(error.message, /could not convert or store the log.*conversion error/);
      assert.equal(error.temporary, false);
    }));

  it('an answer without the id is a lost one, and no message has the delete token', () =>
    withV2(
      [
        [200, { delete_token: TOKEN }],
        [400, stored],
      ],
      async target => {
        const lost = await failsWith(() => target.write(...write(ulog())), 'lost-answer');
        const refused = await failsWith(() => target.write(...write(ulog())), 'rejected');
        assert.doesNotMatch(inspect([lost, refused], { depth: 9 }), new RegExp(TOKEN));
      },
    ));

  it('is asked for its version again when it was in trouble', () =>
    withV2(
      [[200, stored]],
      async (target, asked) => {
        const error = await failsWith(() => target.write(...write(ulog())), 'unavailable');
        assert.match(error.message, /does not show which Flight Review it is \(503\)/);
        await target.write(...write(ulog()));
        assert.equal(asked.length, 3);
      },
      {},
      [503],
    ));

  it('is not asked for its version where that is set', () =>
    withV2(
      [[200, stored]],
      async (target, asked) => {
        await target.write(...write(ulog()));
        assert.equal(asked.length, 1);
      },
      { api: 'v2' },
    ));
});
