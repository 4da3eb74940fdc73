import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hazardsIn, oddName, portablePart, portablePath } from '../../../src/system/portable-names.js';

/** As the docs describe it: every `%XX` is a byte of UTF-8, and `%_` nothing. */
const restored = (name: string): string =>
  Buffer.from(
    name
      .replace(/%_/g, '')
      .replace(/%([0-9A-F]{2})|[^%]+|%/g, (piece: string, hex?: string) =>
        hex === undefined ? Buffer.from(piece).toString('latin1') : String.fromCharCode(parseInt(hex, 16)),
      ),
    'latin1',
  ).toString();

describe('portable names', () => {
  for (const [name, portable] of [
    ['log.ulg', 'log.ulg'],
    ['полёт 1 🚁.ulg', 'полёт 1 🚁.ulg'],
    ['2026-08-01T12:30:05.mcap', '2026-08-01T12%3A30%3A05.mcap'],
    ['2026-08-01T12%3A30%3A05.mcap', '2026-08-01T12%253A30%253A05.mcap'],
    ['50% done', '50% done'],
    ['ends.', 'ends%2E'],
    ['ends..', 'ends.%2E'],
    ['ends ', 'ends%20'],
    ['CON', '%43ON'],
    ['nul.txt', '%6Eul.txt'],
    ['Nul .txt', '%4Eul .txt'],
    ['console', 'console'],
    ['a<>:"\\|?*b', 'a%3C%3E%3A%22%5C%7C%3F%2Ab'],
    ['tab\there\u0085', 'tab%09here%C2%85'],
    ['..', '.%2E'],
    ['', '%_'],
  ] as const) {
    it(`${JSON.stringify(name)} becomes ${portable}`, () => {
      assert.equal(portablePart(name), portable);
      assert.equal(restored(portable), name);
    });
  }

  const piece = fc.oneof(
    fc.constantFrom(':', '%', '%3A', '%3a', '%_', '.', ' ', 'CON', 'aux', '/', '\\', '\0'),
    fc.string(),
  );
  const path = fc.array(piece).map(pieces => pieces.join(''));

  it('can be restored, and have nothing that a target may refuse', () => {
    fc.assert(
      fc.property(path, name => {
        const portable = portablePath(name);
        assert.equal(portable.split('/').map(restored).join('/'), name);
        assert.deepEqual(hazardsIn(portable), []);
      }),
    );
  });

  it('are told from names with hazards, each of which is named once', () => {
    assert.deepEqual(hazardsIn('con/a:b?c:d./e'), [':', '?', '. at the end', 'CON']);
    assert.equal(oddName('probe', 'con/a:b?c:d./e'), 'CON.probe:?.');
    assert.equal(oddName('probe', 'a:b'), 'probe:');
  });
});
