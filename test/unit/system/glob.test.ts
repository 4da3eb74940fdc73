import assert from 'node:assert/strict';
import fc from 'fast-check';
import picomatch from 'picomatch';
import { Automaton } from '../../../src/system/glob/automaton.js';
import { compileGlob, compileGlobs } from '../../../src/system/glob/glob.js';
import { parseRegExp } from '../../../src/system/glob/syntax.js';

const NAME_BYTES = 4_096;

/** Globs, and the text that costs a backtracking engine most. */
const WORST: readonly (readonly [glob: string, unit: string])[] = [
  ['*a*a*a*a*b', 'a'],
  [`${'*a'.repeat(50)}*b`, 'a'],
  ['*(a*)*(a*)b', 'a'],
  ['+(+(a)|+(aa))b', 'a'],
  ['+(*a)b', 'a'],
  ['(a|aa|aaa)+b', 'a'],
  ['!(*a*a*a*a*b)*c', 'a'],
  [`${'{a,a}'.repeat(30)}b`, 'a'],
  [`${'?(a)'.repeat(60)}${'a'.repeat(60)}b`, 'a'],
  ['**/*a*/**/*a*/**/*a*/b', 'a/'],
  ['[a-z]*[a-z]*[a-z]*[a-z]*[0-9]', 'a'],
  ['!*a*a*a*a*b', 'a'],
];

describe('globs', function () {
  for (const [glob, unit] of WORST)
    it(`${glob.slice(0, 30)}: the work for a name grows with its length`, () => {
      const automaton = () => new Automaton(parseRegExp(picomatch.makeRe(glob, { flags: 'is' }).source));
      const name = (bytes: number) => unit.repeat(bytes / unit.length);
      const [half, whole] = [NAME_BYTES / 2, NAME_BYTES].map(bytes => automaton().compare(name(bytes)));
      assert.ok(half && whole);
      assert.ok(whole.steps <= 2.1 * half.steps, `${half.steps} and ${whole.steps} steps`);
      assert.ok(whole.steps <= 3 * automaton().states * (NAME_BYTES + 1), `${whole.steps} steps`);
      assert.equal(compileGlob(glob)(name(NAME_BYTES)), whole.matches);
      assert.equal(whole.matches, glob.startsWith('!*'));
    });

  it('match the same names as picomatch', () => {
    const piece = fc.constantFrom(
      ...['a', 'b', '.', '/', '*', '**', '?', '[ab]', '[!a]', '[[:digit:]]', '{a,b}', '{1..3}', '**/', '/**'],
      ...['+(a|b)', '*(ab)', '?(a)', '@(a|.)', '!(a)', '(a|b)', '1', 'É', '\\*', '$', '^', '-', '\n', 'ﬀ'],
    );
    const globs = fc.array(piece, { minLength: 1, maxLength: 7 }).map(parts => parts.join(''));
    const names = fc
      .array(fc.constantFrom('a', 'b', 'A', '.', '/', '1', 'é', '*', '$', '\n', '😀', 'ab', 'FF'), {
        maxLength: 10,
      })
      .map(parts => parts.join(''));
    fc.assert(
      fc.property(globs, names, fc.boolean(), (glob, name, dot) => {
        const expected = picomatch(glob, { flags: 'is', dot })(name);
        assert.equal(compileGlob(glob, { dot })(name), expected, 'compiled');
        const source = picomatch.makeRe(glob, { flags: 'is', dot }).source;
        const { matches } = new Automaton(parseRegExp(source)).compare(name);
        assert.equal(matches, new RegExp(source, 'is').test(name), source);
      }),
      { numRuns: 3_000 },
    );
  });

  it('cost as little where no part of a name is like another', () => {
    const automaton = new Automaton(parseRegExp(picomatch.makeRe('*a*b*a*c*a*', { flags: 'is' }).source));
    const units = Array.from({ length: NAME_BYTES }, (_, at) => String.fromCharCode(0x4000 + at));
    const { steps, matches } = automaton.compare(`${units.join('')}abaca`);
    assert.ok(matches);
    assert.ok(steps <= 3 * automaton.states * (NAME_BYTES + 6), `${steps} steps`);
  });

  it('take what any of several takes', () => {
    const matches = compileGlobs(['*.ulg', 'x/**']);
    assert.deepEqual(
      ['a.ulg', 'x/y/z', 'a.bin'].map(path => matches(path)),
      [true, true, false],
    );
  });

  it('refuse a pattern that is too long to compare', () => {
    assert.throws(() => compileGlob('a'.repeat(1_025)), /longer than 1024/);
    for (const count of [4, 5, 6])
      assert.throws(() => compileGlob(`*${'\\'.repeat(count)}`), /more than three \\ at the end/);
    assert.throws(() => compileGlob('**/a/'.repeat(200), { dot: true }), /too long/);
  });
});
