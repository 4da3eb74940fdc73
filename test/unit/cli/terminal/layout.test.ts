import assert from 'node:assert/strict';
import { plain } from '../../../../src/cli/print.js';
import { layOut, type Row } from '../../../../src/cli/terminal/layout.js';
import { columnsOf, formatTimeLeft, shorten } from '../../../../src/cli/terminal/text.js';

const ROW: Row = {
  name: 'autopilot:sess001/2026-11-22/log_100_2026-11-22-16-00-00.ulg',
  ...{ bytes: 102_400_000, size: 204_800_000, bytesPerSecond: 3_400_000, secondsLeft: 46 },
};
const WIDE: Row = { ...ROW, name: 'camera:飛行記録/映像/二〇二六年十一月二十二日/ｶﾒﾗ映像映像映像.mp4' };
const UNKNOWN: Row = { name: 'a', bytes: 0, size: 1_200_000_000 };

describe('the layout of live lines', () => {
  it('is never wider than the terminal', () => {
    for (let columns = 1; columns <= 200; columns++)
      for (const line of layOut([ROW, WIDE, UNKNOWN], columns)) assert.ok(columnsOf(line) <= columns, line);
  });

  it('has percentage, rate and time left at 59 columns, bytes at 79, a bar and the whole name at 139', () => {
    assert.deepEqual(layOut([ROW], 59), ['autopilot:ses…-16-00-00.ulg   50%    3.4 MB/s     0:46 left']);
    assert.deepEqual(layOut([ROW], 79), [
      'autopilot:ses…2-16-00-00.ulg   50%  102.4 MB/204.8 MB    3.4 MB/s     0:46 left',
    ]);
    assert.match(
      layOut([ROW], 139)[0] ?? '',
      /^autopilot:\S+\/log_100_2026-11-22-16-00-00\.ulg {2}█+░+ {3}50% /,
    );
  });

  it('leaves out what is not known', () => {
    assert.deepEqual(layOut([UNKNOWN], 60), ['a    0%         0 B/1.2 GB']);
  });

  it('aligns rows of names with wide characters', () => {
    const [first = '', second = ''] = layOut([ROW, WIDE], 100);
    assert.equal(columnsOf(first), columnsOf(second));
  });
});

describe('text on a terminal', () => {
  it('wide characters take two columns, combining marks none', () => {
    for (const [text, columns] of [
      ['abc', 3],
      ['飛行', 4],
      ['ﾛｸﾞ', 3],
      ['e\u0301', 1],
      ['🚁', 2],
    ] as const)
      assert.equal(columnsOf(text), columns, text);
  });

  it('is shortened in its middle', () => {
    assert.equal(shorten('abcdefghij', 10), 'abcdefghij');
    assert.equal(shorten('abcdefghij', 5), 'ab…ij');
    assert.equal(shorten('飛行記録', 5), '飛…録');
    assert.equal(shorten('abc', 1), '…');
    assert.equal(shorten('abc', 0), '');
  });

  it('durations', () => {
    const shown = [0.4, 46, 751, 3723, 359_999, 400_000].map(formatTimeLeft);
    assert.deepEqual(shown, ['0:00', '0:46', '12:31', '1:02:03', '99:59:59', '5 d']);
  });

  it('shows what acts on a terminal or is not seen, and keeps the rest', () => {
    const cases = [
      ['a\x1b[2Jb', 'a\\x1b[2Jb'],
      ['a\nb\r', 'a\\x0ab\\x0d'],
      ['\u009b31m', '\\x9b31m'],
      ['gnp.\u202eexe', 'gnp.\\u202eexe'],
      ['\u2066x\u2069', '\\u2066x\\u2069'],
      ['a\u200bb\u200d\ufeff\u00ad', 'a\\u200bb\\u200d\\ufeff\\u00ad'],
      ['a\u2028b', 'a\\u2028b'],
      ['\u3164\u115f', '\\u3164\\u115f'],
      ['\u{e0041}', '\\udb40\\udc41'],
      ['\ud800', '\\ud800'],
    ] as const;
    for (const [text, shown] of cases) assert.equal(plain(text), shown);
    for (const text of ['ж 飛行 é e\u0301 🚁', 'a\\x1b', '«»–…']) assert.equal(plain(text), text);
  });
});
