import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { corruptName, localName } from '../../../src/local/names.js';

const free = () => false;
const nameOf = (path: string, device = 'autopilot') => localName(device, path, free, 'abcdef012345');

/** Paths as a hostile source may list them: any characters, and the pieces that hurt, in any mixture. */
const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    '..',
    '.',
    '',
    'CON',
    'nul.txt',
    '.part',
    '.corrupt2',
    '%',
    '%2E',
    '%_',
    ' ',
    '~',
    '\0',
    '\ud800',
    '\udc00',
  ),
  fc.string({ minLength: 200, maxLength: 300 }),
);
const part = fc.array(piece, { maxLength: 3 }).map(pieces => pieces.join(''));
const path = fc.array(part, { minLength: 1, maxLength: 5 }).map(parts => parts.join('/'));

describe('localName', () => {
  const examples: [string, string][] = [
    ['2024-01-01/10_00_00.ulg', 'autopilot/2024-01-01/10_00_00.ulg'],
    ['полёт 1/日本 🚁.ulg', 'autopilot/полёт 1/日本 🚁.ulg'],
    ['50% done.txt', 'autopilot/50% done.txt'],
    ['../../etc/passwd', 'autopilot/.%2E/.%2E/etc/passwd'],
    ['/etc/passwd', 'autopilot/%_/etc/passwd'],
    ['a//./b', 'autopilot/a/%_/%2E/b'],
    ['a\0b\nc', 'autopilot/a%00b%0Ac'],
    ['a\\b:c*?"<>|', 'autopilot/a%5Cb%3Ac%2A%3F%22%3C%3E%7C'],
    ['CON/com1.txt/console', 'autopilot/%43ON/%63om1.txt/console'],
    ['ends./ends ', 'autopilot/ends%2E/ends%20'],
    ['log.ulg.part', 'autopilot/log.ulg%2Epart'],
    ['log.ulg.corrupt/a.CORRUPT12/corrupt', 'autopilot/log.ulg%2Ecorrupt/a%2ECORRUPT12/corrupt'],
    ['%2E%2E/%_', 'autopilot/%252E%252E/%25_'],
    ['\u0085\ud800', 'autopilot/%C2%85%ED%A0%80'],
  ];
  for (const [from, to] of examples) {
    it(`${JSON.stringify(from)} becomes ${to}`, () => assert.equal(nameOf(from), to));
  }

  it('cuts long parts at whole characters, keeps the extension and tells them apart by a hash', () => {
    const [one, other] = [nameOf(`${'é'.repeat(300)}1.ulg`), nameOf(`${'é'.repeat(300)}2.ulg`)];
    assert.match(one, /^autopilot\/é+~[0-9a-f]{12}\.ulg$/);
    assert.notEqual(one, other);
  });

  it('gives another version of the same path a name with its tag', () => {
    const taken = new Set(['autopilot/a/log.ulg']);
    const second = localName('autopilot', 'a/log.ulg', name => taken.has(name), '0123456789ab');
    assert.equal(second, 'autopilot/a/log~0123456789ab.ulg');
    taken.add(second);
    const third = localName('autopilot', 'a/log.ulg', name => taken.has(name), '0123456789ab');
    assert.equal(third, 'autopilot/a/log~0123456789ab2.ulg');
  });

  it('puts the tag behind a name that has no extension', () => {
    const taken = (name: string) => /\/(\.hidden|plain)$/.test(name);
    assert.equal(localName('d', 'a.b/.hidden', taken, 'tag'), 'd/a.b/.hidden~tag');
    assert.equal(localName('d', 'a.b/plain', taken, 'tag'), 'd/a.b/plain~tag');
  });

  it('goes beside a file that lies where a folder is needed', () => {
    const taken = (name: string) => name === 'd/a';
    assert.equal(localName('d', 'a/b.ulg', taken, 'tag'), 'd/a~tag/b.ulg');
  });

  it('stays inside the root, in parts that every file system takes', () => {
    fc.assert(
      fc.property(path, part, (path, device) => {
        const name = nameOf(path, device);
        assert.ok(resolve('/local', name).startsWith('/local/'));
        assert.equal(resolve('/local', name), `/local/${name}`);
        assert.equal(Buffer.from(name).toString(), name);
        for (const one of name.split('/')) {
          assert.ok(Buffer.byteLength(`${one}.part`) <= 255);
          assert.doesNotMatch(one, /[<>:"|?*\\\p{Cc}]|[. ]$|\.(part|corrupt\d*)$|^(con|nul)(\.|$)/iu);
        }
      }),
    );
  });

  it('gives two paths two names', () => {
    fc.assert(
      fc.property(path, path, (one, other) => {
        fc.pre(one !== other);
        assert.notEqual(nameOf(one), nameOf(other));
      }),
    );
  });

  it('never gives a name that is taken', () => {
    fc.assert(
      fc.property(fc.array(path, { maxLength: 10 }), paths => {
        const taken = new Set<string>();
        for (const one of paths)
          taken.add(localName('d', one, name => taken.has(name.toLowerCase()), 'tag').toLowerCase());
        assert.equal(taken.size, paths.length);
      }),
    );
  });

  it('leaves harmless names alone', () => {
    const harmless = fc
      .stringMatching(/^[a-z0-9_][a-z0-9_ -]{0,30}\.ulg$/)
      .map(name => `2024-01-01/x${name}`);
    fc.assert(fc.property(harmless, path => assert.equal(nameOf(path), `autopilot/${path}`)));
  });

  it('a corrupt copy has a name that no other copy has, and that every file system takes', () => {
    assert.deepEqual(
      [1, 2, 13].map(count => corruptName('log.ulg', count)),
      ['log.ulg.corrupt', 'log.ulg.corrupt2', 'log.ulg.corrupt13'],
    );
    const long = [...'12'].map(last => 'é'.repeat(124) + last);
    const names = long.flatMap(name => [1, 9999].map(count => corruptName(name, count)));
    assert.equal(new Set(names).size, 4);
    for (const name of names) {
      assert.ok(Buffer.byteLength(name) <= 255, name);
      assert.match(name, /\.corrupt(9999)?$/);
    }
  });
});
