import assert from 'node:assert/strict';
import fc from 'fast-check';
import { locationIn, unknownOutcome, type UploadReply, type Upload } from '../../src/devices/http/answer.js';
import { Credentials } from '../../src/devices/http/credentials.js';
import { jsonIn } from '../../src/devices/http/location.js';
import { logPage } from '../../src/devices/http/review.js';
import type { Success } from '../../src/devices/http/success.js';
import { serverWords } from '../../src/devices/server-words.js';
import { encodeName, namesInHref } from '../../src/devices/web-client/address.js';
import { readMultistatus, readQuota } from '../../src/devices/webdav/multistatus.js';
import { checkName, checkSize, type Parser } from './parser.js';

const TOKEN = 'tok/en+4="711';
const base64 = Buffer.from(TOKEN).toString('base64');

/** Characters of a body that devices read at most. */
const MAX_BODY_LENGTH = 65_536;
const SUCCESSES: readonly (Success | undefined)[] = [
  undefined,
  { json: { 'result.ok': true, id: 5 } },
  { status: [200, 204], pattern: /^ok \w+$/m },
];

/** The header lines and the body of an answer; what is not there is undefined. */
function answerIn(input: Buffer): UploadReply {
  const text = input.toString();
  const end = text.indexOf('\n\n');
  const [first = '', ...lines] = (end < 0 ? text : text.slice(0, end)).split('\n');
  const headers = new Map(
    lines.map(line => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  return {
    status: Number(/\d{3}/.exec(first)?.[0] ?? 500),
    location: headers.get('location'),
    retryAfter: headers.get('retry-after'),
    challenge: headers.get('www-authenticate'),
    limit: headers.get('upload-limit'),
    body: end < 0 ? '' : text.slice(end + 2, end + 2 + MAX_BODY_LENGTH),
  };
}

function uploadOf(input: Buffer): Upload {
  const success = SUCCESSES[input.length % SUCCESSES.length];
  return {
    ...{
      details: { device: 'site', operation: 'write', path: 'a.ulg' },
      url: new URL('https://example.org/upload'),
    },
    ...{ size: 100, complete: input.length % 5 > 0, secrets: [TOKEN], now: Date.UTC(2026, 0, 1), success },
  };
}

function checkLocation(url: URL | undefined): void {
  if (!url) return;
  assert.match(url.protocol, /^https?:$/);
  assert.ok(url.href.length <= 2048 && !/[\s\p{Cc}]/u.test(url.href));
}

const answers: Parser = {
  name: 'http-answers',
  seeds: [
    'HTTP/1.1 200 OK\n\n{"ok":true,"url":"/plot_app?log=1"}',
    'HTTP/1.1 302 Found\nLocation: https://example.org/plot_app?log=abc\n\n',
    'HTTP/1.1 503 Busy\nRetry-After: 120\n\n<html><body>later</body></html>',
    'HTTP/1.1 429 Slow\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\n\n',
    'HTTP/1.1 413 Large\nUpload-Limit: max-size=1000\n\ntoo large',
    'HTTP/1.1 200 OK\n\n<form action="/login"><input type="password"></form>',
    `HTTP/1.1 403 Forbidden\n\nthe token ${TOKEN} (${base64}) is wrong`,
    'HTTP/1.1 201 Created\n\n{"id":"0b7e","error":null,"result":{"ok":true}}',
  ],
  words: [
    'Location: ',
    'Retry-After: ',
    'Upload-Limit: max-size=',
    '\n\n',
    '{"url":"',
    encodeURIComponent(TOKEN),
    base64,
    '<script>',
    '</script>',
  ],
  secrets: [TOKEN, base64],
  worst: [
    ...['<', '<script>', '[', '{"a":', '&lt;', 'tok/', '%74', ' ', '<form', 'a.'].map(unit => ({
      before: '500 x\n\n',
      unit,
    })),
    { before: '200 x\n\n<', unit: 'type="' },
    { before: '413 x\nUpload-Limit: ', unit: 'max-size=' },
    { before: '503 x\nRetry-After: ', unit: '1' },
    { before: '302 x\nLocation: //', unit: 'a.' },
  ],
  parse(input) {
    const answer = answerIn(input);
    const upload = uploadOf(input);
    const page = logPage('https://logs.example.org', answer.body);
    checkLocation(page);
    const outcome = unknownOutcome(answer, upload);
    try {
      const location = locationIn(answer, upload);
      checkLocation(location);
      return [location?.href, page?.href, outcome];
    } catch (thrown) {
      const { retryAfterMs = 0 } = thrown as { retryAfterMs?: number };
      assert.ok(Number.isFinite(retryAfterMs) && retryAfterMs >= 0, `a pause of ${retryAfterMs} ms`);
      throw thrown;
    }
  },
};

const words: Parser = {
  name: 'server-words',
  seeds: [
    `the header ${TOKEN} is wrong`,
    `<h1>Error</h1><script>x</script><style>y</style> ${encodeURIComponent(TOKEN)}`,
    `authorization: Basic ${Buffer.from(`user:${TOKEN}`).toString('base64')}`,
    `token=${[...TOKEN].map(one => `&#${one.charCodeAt(0)};`).join('')}`,
  ],
  words: [base64, encodeURIComponent(TOKEN), JSON.stringify(TOKEN), TOKEN.slice(0, 8)],
  secrets: [TOKEN, base64, encodeURIComponent(TOKEN)],
  worst: [
    '<',
    '<script>',
    '<script></script',
    't',
    'to',
    'tok/en+4=',
    '&#0000',
    '%7',
    '\\u007',
    '\n',
    '\u200b',
  ],
  parse: input => serverWords(input.toString(), [TOKEN]),
};

const challenges: Parser = {
  name: 'http-challenges',
  seeds: [
    'Basic realm="logs", charset="UTF-8"',
    'Digest realm="a", nonce="abc", qop="auth,auth-int", algorithm=SHA-256, opaque="o\\"p", stale=true',
    'Negotiate, NTLM TlRMTVNTUAACAAAA==, Digest nonce=abc, Basic',
  ],
  words: ['Digest ', 'Basic ', 'nonce="', 'qop=', 'algorithm=MD5-sess', '\\"'],
  secrets: ['pass"word'],
  worst: [
    'a="',
    'a=\\"',
    '\\"',
    'a ',
    'a,',
    'a=',
    '" a=',
    'a\t',
    { before: 'Digest nonce="', unit: '\\' },
    { before: 'a ', unit: 'b=' },
  ],
  parse(input) {
    const credentials = new Credentials({ user: 'u"ser', password: 'pass"word' });
    // Node's parser of HTTP refuses other control characters.
    const header = input.toString('latin1').replace(/[^\t\x20-\x7e\x80-\xff]/g, '');
    const again = credentials.challenged(header, undefined);
    const answer = credentials.header('PUT', new URL('https://example.org/a?b'));
    assert.equal(again, answer !== undefined);
    if (credentials.isPlaintext) return again;
    assert.ok(answer === undefined || !/[\r\n\0]/.test(answer), 'a line break would begin another header');
    return answer;
  },
  maxGrowth: 8,
};

const LISTING = `<?xml version="1.0"?>
<d:multistatus xmlns:d="DAV:"><d:response><d:href>/logs/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/>
</d:resourcetype><d:quota-available-bytes>100</d:quota-available-bytes><d:quota-used-bytes>5</d:quota-used-bytes></d:prop>
<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response><d:response><d:href>/logs/a%20b.ulg</d:href><d:propstat>
<d:prop><d:getcontentlength>12</d:getcontentlength><d:getetag>"1"</d:getetag><d:getlastmodified>Wed, 21 Oct 2026 07:28:00 GMT
</d:getlastmodified></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat><d:propstat><d:prop><d:x/></d:prop>
<d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response></d:multistatus>`;
const BOMB = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><multistatus xmlns="DAV:"><response><href>&b;</href></response></multistatus>`;
const start = '<multistatus xmlns="DAV:">';
const response = (href: string, size: string) =>
  `<response><href>${href}</href><propstat><prop><getcontentlength>${size}</getcontentlength></prop><status>HTTP/1.1 200 OK</status></propstat></response>`;
const SERVER = new URL('https://dav.example.org/logs/');

async function* piecesOf(input: Buffer): AsyncGenerator<string> {
  const text = input.toString();
  const step = 1 + (input[0] ?? 0) * 300;
  for (let at = 0; at < text.length; at += step) yield text.slice(at, at + step);
}

async function readListing(input: Buffer): Promise<unknown> {
  const found = [];
  for await (const entry of readMultistatus(piecesOf(input), SERVER)) {
    found.push(entry);
    if ('why' in entry) continue;
    entry.names.forEach(checkName);
    if (!entry.folder) checkSize(entry.size);
    assert.ok(
      entry.strongEtag === undefined ||
        !/[\r\n\0]/.test(entry.strongEtag) ||
        /^"[^"]*"$/.test(entry.strongEtag),
    );
  }
  return found;
}

const multistatus: Parser = {
  name: 'webdav-listings',
  seeds: [LISTING, BOMB, `${start}${response('/logs/b.ulg', '3')}</multistatus>`],
  generated: fc
    .array(
      fc.tuple(
        fc.oneof(
          fc.constantFrom(
            '/logs/%2e%2e/x',
            '/logs/%00',
            '//other/logs/a',
            '/logs/a?b',
            '/logs/%ff',
            'a',
            '/logs/a%2fb',
          ),
          fc.webPath(),
        ),
        fc.oneof(fc.nat().map(String), fc.constantFrom('', '-1', '1e9', '9007199254740993', ' 5 ')),
      ),
      { maxLength: 20 },
    )
    .map(all => `${start}${all.map(([href, size]) => response(href, size)).join('')}</multistatus>`),
  words: ['<!ENTITY a "', '&a;', '<d:href>', '</d:href>', 'xmlns:d="', 'HTTP/1.1 200 OK', '<?x', '?>'],
  worst: [
    ...['<a>', '<', '&', '&amp;', ' ', 'a', '<a ', '<!--', '<![CDATA[', '<a/>', "<a b='"].map(unit => ({
      before: start,
      unit,
    })),
    { before: '<!DOCTYPE a [', unit: '<!ENTITY a "b">' },
    { before: `${start}<response><href>`, unit: '&#x41;' },
    { before: `${start}<response><href>/`, unit: '%41' },
    { before: start, unit: response('/logs/a', '1') },
    { before: '<multistatus ', unit: 'a="1" ' },
  ],
  // The parser of XML works character by character.
  msPerMegabyte: 400,
  parse: readListing,
};

const quotas: Parser = {
  name: 'webdav-quotas',
  seeds: [LISTING, LISTING.replace('>100<', '>-3<'), LISTING.replace('>100<', `>${'9'.repeat(30)}<`)],
  msPerMegabyte: 400,
  async parse(input) {
    const space = await readQuota(piecesOf(input));
    if (space) [space.free, space.total].forEach(checkSize);
    return space;
  },
};

const hrefs: Parser = {
  name: 'webdav-hrefs',
  seeds: [
    '/logs/a%20b.ulg',
    'https://dav.example.org/logs/x/',
    '//dav.example.org:8080/logs/%C3%A4',
    '/logs/%ff%fe',
    '/',
  ],
  worst: [
    '/',
    '%41',
    'a',
    { before: 'https://', unit: 'a' },
    { before: 'https://', unit: 'a', after: '/?' },
    { before: '/', unit: '%' },
    { before: '/', unit: '%4' },
  ],
  msPerMegabyte: 800,
  parse(input) {
    const names = namesInHref(input.toString(), SERVER);
    assert.ok(!/^\/\/[^/]*$/.test(input.toString()), 'a host counts as a name');
    names.forEach(checkName);
    assert.deepEqual(
      namesInHref(`/${names.map(encodeName).join('/')}`, SERVER),
      names,
      'names do not survive',
    );
    return names;
  },
};

const json: Parser = {
  name: 'json-answers',
  seeds: ['{"url":"https://example.org/1"}', '[[[[]]]]'],
  worst: ['[', '{"a":', '"', '\\', '1', ' '],
  msPerMegabyte: 200,
  parse: input => jsonIn(input.toString()) !== undefined,
};

export const webParsers: readonly Parser[] = [answers, words, challenges, multistatus, quotas, hrefs, json];
