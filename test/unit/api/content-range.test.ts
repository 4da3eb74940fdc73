import assert from 'node:assert/strict';
import fc from 'fast-check';
import { attachment, rangeOf } from '../../../src/api/content-range.js';

const FORM = /^attachment; filename="([\x20-\x7e]*)"; filename\*=UTF-8''([\w!#$&+.^`|~%-]*)$/;

/** Both names of the header. */
function namesOf(header: string): [ascii: string, full: string] {
  const [, ascii = '', full = ''] = FORM.exec(header) ?? assert.fail(header);
  assert.doesNotMatch(ascii, /["\\/]/);
  return [ascii, decodeURIComponent(full)];
}

describe('the name of an attachment', () => {
  const names: readonly (readonly [name: string, ascii: string, full: string])[] = [
    ['log_12.ulg', 'log_12.ulg', 'log_12.ulg'],
    ['Flug über Köln.ulg', 'Flug _ber K_ln.ulg', 'Flug über Köln.ulg'],
    ['a"; filename=evil.exe', 'a__ filename=evil.exe', 'a"; filename=evil.exe'],
    ["it's 100% (new).bin", "it's 100_ (new).bin", "it's 100% (new).bin"],
    ['a\r\nSet-Cookie: x=1', 'a__Set-Cookie: x=1', 'a__Set-Cookie: x=1'],
    ['../../etc/passwd', '.._.._etc_passwd', '.._.._etc_passwd'],
    ['..\\x', '.._x', '.._x'],
    ['..', 'file', 'file'],
    ['', 'file', 'file'],
    ['gnp.\u202eexe', 'gnp._exe', 'gnp._exe'],
    ['\ud800x', '_x', '_x'],
    ['🚁.jpg', '__.jpg', '🚁.jpg'],
  ];
  for (const [name, ascii, full] of names)
    it(`is safe: ${JSON.stringify(name)}`, () => assert.deepEqual(namesOf(attachment(name)), [ascii, full]));

  it('never ends the header, nor is a path, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), name => {
        const [, full] = namesOf(attachment(name));
        assert.doesNotMatch(full, /[\p{Cc}/\\]/u);
        assert.ok(full !== '' && full !== '.' && full !== '..');
      }),
    );
  });
});

describe('a range', () => {
  it('lies in the file, whatever is asked for', () => {
    fc.assert(
      fc.property(fc.tuple(fc.option(fc.nat()), fc.option(fc.nat())), fc.nat(), ([first, last], size) => {
        const range = rangeOf(`bytes=${first ?? ''}-${last ?? ''}`, size);
        if (range === undefined || range === 'unsatisfiable') return;
        assert.ok(range.start >= 0 && range.start < range.end && range.end <= size);
      }),
    );
  });

  it('of more digits than a number holds is none', () => {
    assert.equal(rangeOf(`bytes=${'9'.repeat(40)}-`, 10), undefined);
    assert.equal(rangeOf(`bytes=0-${'9'.repeat(10_000)}`, 10), undefined);
  });
});
