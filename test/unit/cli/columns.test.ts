import assert from 'node:assert/strict';
import { fitted, wrapped } from '../../../src/cli/columns.js';
import { columnsOf } from '../../../src/cli/terminal/text.js';

const WIDE = '日本語の飛行記録'.repeat(6);
const EMOJI = '😀'.repeat(60);
const COLUMNS = [{ heading: 'ID' }, { heading: 'FILE', shrinks: true }, { heading: 'STATE' }] as const;
/** Half of a character that UTF-16 writes as two. */
const HALF = /\p{Cs}/u;

describe('a table on a terminal', () => {
  it('is aligned by columns of the terminal', () => {
    const rows = [
      ['飛行', 'x'],
      ['abc', 'y'],
    ];
    assert.deepEqual(wrapped(rows), ['飛行  x', 'abc   y']);
    assert.deepEqual(fitted([{ heading: 'NAME' }, { heading: '' }], rows), ['NAME', '飛行  x', 'abc   y']);
  });

  for (const width of [40, 60, 80])
    it(`of ${width} columns holds names with wide characters, and cuts none in two`, () => {
      const rows = [WIDE, EMOJI, 'a.ulg'].map(name => ['0123', `cam:${name}`, 'UPLOADED']);
      const lines = fitted(COLUMNS, rows, width);
      for (const line of lines) {
        assert.ok(columnsOf(line) <= width, line);
        assert.doesNotMatch(line, HALF);
      }
      const columns = lines.slice(1).map(line => columnsOf(line.slice(0, line.indexOf('UPLOADED'))));
      assert.deepEqual(columns, Array(3).fill(columns[0]));
    });

  for (const width of [40, 60, 80])
    it(`of ${width} columns continues long texts with wide characters below themselves`, () => {
      for (const text of [WIDE, EMOJI, `${'word '.repeat(40)}end`]) {
        const lines = wrapped([['archive', text]], width);
        for (const line of lines) {
          assert.ok(columnsOf(line) <= width, line);
          assert.doesNotMatch(line, HALF);
        }
        const joined = lines.map(line => line.slice('archive  '.length)).join(text.includes(' ') ? ' ' : '');
        assert.equal(joined, text);
      }
    });
});
