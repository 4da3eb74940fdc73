import assert from 'node:assert/strict';
import { matcherOf } from '../../../src/rules/plan.js';
import { takenTogether, unitOf, type Together } from '../../../src/rules/together.js';
import { rule } from './rule.js';

const BAG: Together = { folder: 'metadata.yaml' };
const PAIR: Together = { stem: ['ulgc', 'ulgk'] };

describe('unitOf', () => {
  it('takes the files of one folder as a unit, without those of its subfolders', () => {
    const unit = unitOf('day/run/run_0.mcap', BAG);
    assert.equal(unit?.name, 'the folder day/run');
    assert.equal(unit?.base, 'day/run/');
    assert.deepEqual(unit?.needs, ['day/run/metadata.yaml']);
    assert.equal(unit?.isMarker, false);
    assert.equal(unitOf('day/run/metadata.yaml', BAG)?.key, unit?.key);
    assert.notEqual(unitOf('day/run/sub/run_0.mcap', BAG)?.key, unit?.key);
    assert.equal(unitOf('run_0.mcap', BAG)?.name, 'the top folder');
  });

  for (const [path, isMarker] of [
    ['a/metadata.yaml', true],
    ['a/Metadata.YAML', true],
    ['metadata.yaml', true],
    ['a/old-metadata.yaml', false],
    ['metadata.yaml/x', false],
  ] as const)
    it(`takes ${path} for ${isMarker ? 'the marker' : 'a part'}`, () => {
      assert.equal(unitOf(path, BAG)?.isMarker, isMarker);
    });

  it('takes files of one stem as a unit, in any case, with the last extension as its marker', () => {
    const unit = unitOf('x/log.ulgc', PAIR);
    assert.deepEqual(unit?.needs, ['x/log.ulgc', 'x/log.ulgk']);
    assert.equal(unit?.name, 'x/log.ulgc and .ulgk');
    assert.equal(unit?.isMarker, false);
    assert.equal(unitOf('x/log.ULGK', PAIR)?.isMarker, true);
    assert.equal(unitOf('x/log.ULGK', PAIR)?.key, unit?.key);
    assert.notEqual(unitOf('x/log2.ulgk', PAIR)?.key, unit?.key);
  });

  for (const path of ['x/log.ulg', 'x/.ulgc', 'x/ulgc', 'x.ulgc/log', ''])
    it(`takes ${JSON.stringify(path)} for no file of a pair`, () => {
      assert.equal(unitOf(path, PAIR), undefined);
    });

  it('takes the longest extension that fits', () => {
    assert.equal(unitOf('a.db3.zstd', { stem: ['zstd', 'db3.zstd'] })?.key, 'stem a.');
  });

  it('knows none without `together`', () => assert.equal(unitOf('a/b', undefined), undefined));
});

describe('a rule with `together`', () => {
  const takes = (include: string[], together: Together, exclude: string[] = []) =>
    matcherOf(rule({ include, exclude, together }));

  for (const [include, path, taken] of [
    [['bags/**/*.mcap'], 'bags/a/metadata.yaml', true],
    [['bags/**/*.mcap'], 'other/metadata.yaml', false],
    [['bags/*.mcap'], 'bags/a/metadata.yaml', false],
    [['{a,b}/*.{mcap,db3}'], 'b/metadata.yaml', true],
    [['{a/x,b}.mcap'], 'a/metadata.yaml', false],
    [['*.mcap'], 'metadata.yaml', true],
    [['bags/**'], 'bags/a/b/metadata.yaml', true],
    [['bags/**/*.mcap'], 'bags/a/notes.txt', false],
  ] as const)
    it(`${taken ? 'takes' : 'leaves'} ${path} where include is ${include.join()}`, () => {
      assert.equal(takes([...include], BAG)(path), taken);
    });

  it('takes a marker whose name a glob would read otherwise', () => {
    assert.equal(takes(['x/*.bin'], { folder: 'done (1).txt' })('x/done (1).txt'), true);
    assert.equal(takes(['x/*.bin'], { folder: 'd[o]ne*' })('x/done-or-not'), false);
  });

  it('takes the partner of a file', () => {
    assert.equal(takes(['**/*.ulgc'], PAIR)('x/a.ulgk'), true);
    assert.equal(takes(['y/*.ulgc'], PAIR)('x/a.ulgk'), false);
  });

  it('leaves what exclude names', () => {
    assert.equal(takes(['**/*.mcap'], BAG, ['**/metadata.yaml'])('a/metadata.yaml'), false);
    assert.equal(takes(['**/*.ulgc'], PAIR, ['**/*.ulgk'])('a.ulgk'), false);
  });

  it('adds nothing to rules without it', () => {
    assert.equal(matcherOf(rule({ include: ['**/*.mcap'] }))('a/metadata.yaml'), false);
  });
});

describe('takenTogether', () => {
  const one = (path: string, together?: Together) => ({
    file: { path },
    plan: { ...(together && { together }) },
  });
  const paths = (files: readonly { file: { path: string } }[]) => files.map(({ file }) => file.path);

  it('leaves a marker as long as another file of its unit changes', () => {
    const [marker, growing, other] = [
      one('a/metadata.yaml', BAG),
      one('a/1.mcap', BAG),
      one('b/metadata.yaml', BAG),
    ];
    assert.deepEqual(paths(takenTogether([marker, other], [marker, growing, other])), ['b/metadata.yaml']);
    assert.deepEqual(paths(takenTogether([marker, growing, other], [marker, growing, other])), [
      ...['a/1.mcap', 'a/metadata.yaml', 'b/metadata.yaml'],
    ]);
  });

  it('takes a part while others change', () => {
    const [part, growing] = [one('a/0.mcap', BAG), one('a/1.mcap', BAG)];
    assert.deepEqual(paths(takenTogether([part], [part, growing])), ['a/0.mcap']);
  });

  it('leaves a database as long as its write-ahead log changes', () => {
    const [main, log] = [one('a.db3'), one('a.db3-wal')];
    assert.deepEqual(takenTogether([main], [main, log]), []);
    assert.deepEqual(paths(takenTogether([log, main], [main, log])), ['a.db3-wal', 'a.db3']);
  });
});
