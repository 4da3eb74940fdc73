import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { http } from '../../../src/devices/http.js';
import type { Target } from '../../../src/ports.js';
import { failsWith, sample } from '../../conformance/support.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { makeTarget } from '../../servers/device.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';

const PASSWORD = 'correct horse';
const BASIC = `Basic ${Buffer.from(`pilot:${PASSWORD}`).toString('base64')}`;
const NONCE = 'abc123';

/** The response to a challenge of the scheme Digest (RFC 7616 section 3.4.1). */
function isDigest(request: IncomingMessage, algorithm: string): boolean {
  const header = request.headers.authorization ?? '';
  const value = (name: string): string => new RegExp(`${name}="?([^",]*)`).exec(header)?.[1] ?? '';
  const hash = (text: string): string => createHash(algorithm).update(text).digest('hex');
  const [plain, asked] = [`pilot:site:${PASSWORD}`, `${request.method}:${request.url}`].map(hash);
  const parts = [plain, NONCE, value('nc'), value('cnonce'), 'auth', asked];
  return header.startsWith('Digest ') && value('[ ,]response') === hash(parts.join(':'));
}

interface Site {
  readonly challenge: string;
  readonly accepts: (request: IncomingMessage) => boolean;
  /** The methods that need a login; default: all. */
  readonly methods?: readonly string[];
}

/** A page with a login. `asked`: method, scheme and bytes of each request. */
async function withSite(
  { challenge, accepts, methods }: Site,
  work: (target: Target, asked: string[], logger: RecordingLogger) => Promise<void>,
  options: object = {},
): Promise<void> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => {
      const scheme = request.headers.authorization?.split(' ')[0] ?? '-';
      asked.push(`${request.method} ${scheme} ${bytes > 0 ? 'body' : 'empty'}`);
      const isOpen = methods?.includes(request.method ?? '') === false;
      if (isOpen || accepts(request)) return response.writeHead(201).end();
      response.writeHead(401, { 'WWW-Authenticate': challenge }).end(`no ${PASSWORD}`);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const logger = new RecordingLogger();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in?to=logs`;
  const login = { user: 'pilot', password: PASSWORD };
  const target = await makeTarget(http, { url, ...login, ...options }, { logger });
  try {
    await work(target, asked, logger);
  } finally {
    await target.close();
    server.closeAllConnections();
    server.close();
  }
}

const write = (target: Target) => target.write(outgoing(sample(1000)), 'log.ulg', 0, never, new Events());

describe('http target with user and password', () => {
  const basic: Site = {
    challenge: 'Basic realm="site"',
    accepts: ({ headers }) => headers.authorization === BASIC,
  };
  const digest = (algorithm: string, name: string): Site => ({
    challenge: `NTLM, Digest realm="site", nonce="${NONCE}", qop="auth", algorithm=${name}, Basic realm="site"`,
    accepts: request => isDigest(request, algorithm),
  });

  it('answers Basic, which it does not send before it is asked for it', () =>
    withSite(basic, async (target, asked) => {
      await write(target);
      await write(target);
      assert.deepEqual(asked, [
        'HEAD - empty',
        'HEAD Basic empty',
        'POST Basic body',
        'HEAD Basic empty',
        'POST Basic body',
      ]);
    }));

  for (const [algorithm, name] of [
    ['md5', 'MD5'],
    ['sha256', 'SHA-256'],
  ] as const) {
    it(`answers Digest with ${name}, and sends the body once`, () =>
      withSite(digest(algorithm, name), async (target, asked) => {
        await write(target);
        assert.deepEqual(asked, ['HEAD - empty', 'HEAD Digest empty', 'POST Digest body']);
      }));
  }

  it('a wrong password is denied before the file is sent, and appears nowhere', () =>
    withSite(
      basic,
      async (target, asked, logger) => {
        const error = await failsWith(() => write(target), 'denied');
        assert.match(error.message, /refused the login: check user and password/);
        assert.deepEqual(asked, ['HEAD - empty', 'HEAD Basic empty']);
        assert.doesNotMatch(error.message + JSON.stringify(logger), /wrong-one/);
      },
      { password: 'wrong-one' },
    ));

  it('a page that asks for the login only at the upload gets it with the next attempt', () =>
    withSite({ ...basic, methods: ['POST'] }, async (target, asked) => {
      const error = await failsWith(() => write(target), 'io');
      assert.equal(error.temporary, true);
      await write(target);
      assert.deepEqual(asked.slice(-2), ['HEAD Basic empty', 'POST Basic body']);
    }));

  it('a page that asks for no login gets none', () =>
    withSite({ ...basic, methods: [] }, async (target, asked) => {
      await write(target);
      assert.deepEqual(asked, ['HEAD - empty', 'POST - body']);
    }));
});
