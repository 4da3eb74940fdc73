import assert from 'node:assert/strict';
import { secretFields, serverWords } from '../../../src/devices/server-words.js';
import { masked } from '../../../src/system/masked.js';
import { assertLinear } from '../../servers/growth.js';

const SECRET = 's3cr3t/t0k3n+"&<p>';

describe('serverWords', () => {
  it('makes one line of text of a page', () => {
    const page = '<html><style>b { color: red }</style>\r\n<h1>413</h1>\n\t<p>Too  Large\x07</p></html>';
    assert.equal(serverWords(page), '413 Too Large');
  });

  it('leaves out scripts, also one without an end, and keeps a lone "<"', () => {
    assert.equal(serverWords('a<SCRIPT x>if (1<2) b()</Script>c <b>d</b> 1 < 2'), 'a c d 1 < 2');
    assert.equal(serverWords('a <script>b() </style> c'), 'a');
  });

  it('cuts a text that is too long', () => {
    const words = serverWords('x'.repeat(1000));
    assert.equal(words.length, 200);
    assert.ok(words.endsWith('…'));
  });

  it('masks every secret, however often, before it cuts', () => {
    const words = serverWords(`${'x'.repeat(190)} s3cr3t-t0k3n s3cr3t-t0k3n`, ['', 's3cr3t-t0k3n']);
    assert.equal(words, `${'x'.repeat(190)} *** ***`);
  });

  const encodings: [string, (secret: string) => string][] = [
    ['as it is', secret => secret],
    ['percent-encoded', encodeURIComponent],
    ['percent-encoded with small letters', secret => encodeURIComponent(secret).toLowerCase()],
    ['percent-encoded whole', secret => [...Buffer.from(secret)].map(byte => `%${byte.toString(16)}`).join('')],
    ['of a form', secret => new URLSearchParams({ a: secret }).toString().slice(2)],
    ['in base64', secret => Buffer.from(secret).toString('base64')],
    ['in base64 for URLs', secret => Buffer.from(secret).toString('base64url')],
    ['in base64 behind one character', secret => Buffer.from(`u${secret}`).toString('base64')],
    ['in base64 behind a user', secret => Buffer.from(`pilot:${secret}`).toString('base64')],
    ['in base64 that is percent-encoded', secret => encodeURIComponent(Buffer.from(`ab${secret}`).toString('base64'))],
    ['with HTML names', secret => secret.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')],
    ['with HTML numbers', secret => [...secret].map(one => `&#${one.codePointAt(0)};`).join('')],
    ['with HTML hex numbers', secret => [...secret].map(one => `&#x${one.codePointAt(0)?.toString(16)};`).join('')],
    ['percent-encoded twice', secret => encodeURIComponent(encodeURIComponent(secret))],
    ['percent-encoded three times', secret => [1, 2, 3].reduce(encoded => encodeURIComponent(encoded), secret)],
    ['with HTML names twice', secret => secret.replace(/&/g, '&amp;amp;').replace(/</g, '&amp;lt;')],
    ['with HTML numbers twice', secret => [...secret].map(one => `&amp;#${one.codePointAt(0)};`).join('')],
    ['in hex', secret => Buffer.from(secret).toString('hex')],
    ['in capital hex', secret => Buffer.from(secret).toString('hex').toUpperCase()],
    ['in JSON', secret => JSON.stringify(secret).slice(1, -1)],
    ['in JSON of PHP', secret => JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/')],
    ['in JSON of code points', secret => [...secret].map(one => `\\u00${one.charCodeAt(0).toString(16)}`).join('')],
  ]; // prettier-ignore
  for (const [name, encode] of encodings) {
    it(`masks a secret ${name}`, () => {
      const echoed = encode(SECRET);
      const words = serverWords(`refused: "${echoed}" and ${echoed}`, [SECRET]);
      assert.match(words, /^refused: ".{0,9}\*\*\*.{0,4}" and .{0,9}\*\*\*.{0,4}$/);
    });
  }

  it('masks a secret whose blanks were wrapped, and one that was read in another encoding', () => {
    for (const blank of ['\n', '\r\n', '\t', '&nbsp;', '&#160;', '\xa0'])
      assert.equal(serverWords(`a correct${blank}horse b`, ['correct horse']), 'a *** b');
    assert.equal(serverWords(`a ${Buffer.from('pässwörd').toString('latin1')} b`, ['pässwörd']), 'a *** b');
    assert.equal(serverWords(`a ${'pässwörd'.normalize('NFD')} b`, ['pässwörd']), 'a *** b');
  });

  it('masks a secret that the end of the text cuts off', () => {
    assert.equal(serverWords('token s3cr3t/t0k', [SECRET]), 'token ***');
    const basic = Buffer.from('s3cr3t-t0k3n').toString('base64');
    assert.equal(serverWords(`Basic ${basic.slice(0, 9)}`, ['s3cr3t-t0k3n']), 'Basic ***');
  });

  it('masks a secret that contains another one', () => {
    assert.equal(masked('Bearer abcdef', ['abcdef', 'Bearer abcdef']), '***');
  });

  it('knows the fields of a form that hold secrets', () => {
    assert.deepEqual(secretFields({ api_token: 'a', note: 'b', Password: 'c' }), ['a', 'c']);
  });

  const worst: Readonly<Record<string, string>> = {
    'tags that do not end': '<',
    'scripts that do not end': '<script>',
    'styles and scripts': '<style><script></x>',
    'ends of scripts': '</script>',
    spaces: ' ',
    'control characters': '\x01',
    'beginnings of the secret': 's3cr3t/t0k3n+"&<p',
    percents: '%25',
    entities: '&#0000',
  };
  for (const [name, piece] of Object.entries(worst)) {
    it(`takes linear time for ${name}`, () =>
      assertLinear(
        length => piece.repeat(Math.ceil(length / piece.length)),
        text => [serverWords(text, [SECRET]), masked(text, [SECRET])],
      ));
  }

  it('takes linear time for a text that repeats a long secret', () => {
    const secret = `${'a'.repeat(2000)}b`;
    return assertLinear(
      length => 'a'.repeat(length),
      text => masked(text, [secret]),
    );
  });
});
