import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescriptionFile, parseDescription } from '../../../src/config/description-file.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

describe('parseDescription', () => {
  for (const [line, expected] of [
    ['drone=Clover 4', { drone: 'Clover 4' }],
    ['  drone =  Clover 4  ', { drone: 'Clover 4' }],
    ['drone="Clover 4 "', { drone: 'Clover 4 ' }],
    ["drone='a=b'", { drone: 'a=b' }],
    ['drone="half', { drone: '"half' }],
    ['export DRONE=x', { DRONE: 'x' }],
    ['export=x', { export: 'x' }],
    ['empty=', { empty: '' }],
    ['note=a # b', { note: 'a # b' }],
    ['a=1\r\nb=2\r\n', { a: '1', b: '2' }],
    ['a=1\na=2', { a: '2' }],
    ['\uFEFFa=1', { a: '1' }],
    ['# a=1\n; b=2\n\n   \n', {}],
    ['', {}],
  ] as const) {
    it(`reads ${JSON.stringify(line)}`, () => {
      assert.deepEqual(parseDescription(line), { values: expected, badLines: [] });
    });
  }

  it('returns the numbers of lines that are not key=value', () => {
    assert.deepEqual(parseDescription('a=1\n[section]\n=x\ntwo words = 1\nb=2'), {
      values: { a: '1', b: '2' },
      badLines: [2, 3, 4],
    });
  });

  it('keeps keys that objects have anyway', () => {
    const { values } = parseDescription('__proto__=x');
    assert.deepEqual(Object.entries(values), [['__proto__', 'x']]);
  });
});

describe('DescriptionFile', () => {
  let folder: string;
  let path: string;
  let logger: RecordingLogger;
  let file: DescriptionFile;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'filesync-coex-'));
    path = join(folder, 'coex.conf');
    logger = new RecordingLogger();
    file = new DescriptionFile(path, logger);
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('is empty, without a word, while there is none', async () => {
    assert.deepEqual(await file.values(), {});
    await writeFile(path, 'drone=1');
    assert.deepEqual(await file.values(), { drone: '1' });
    await rm(path);
    assert.deepEqual(await file.values(), {});
    assert.deepEqual(logger.entries, []);
  });

  it('is read again when its size, its time or the file itself changes', async () => {
    await writeFile(path, 'drone=1');
    await utimes(path, 1, 1);
    assert.deepEqual(await file.values(), { drone: '1' });
    await writeFile(path, 'drone=12');
    await utimes(path, 1, 1);
    assert.deepEqual(await file.values(), { drone: '12' });
    await writeFile(path, 'drone=34');
    await utimes(path, 2, 2);
    assert.deepEqual(await file.values(), { drone: '34' });
    await writeFile(join(folder, 'new'), 'drone=56');
    await utimes(join(folder, 'new'), 2, 2);
    await rename(join(folder, 'new'), path);
    assert.deepEqual(await file.values(), { drone: '56' });
  });

  it('is not read again, nor warned of again, while it stays the same', async () => {
    await writeFile(path, 'drone=1\nnonsense secret');
    const [first, second] = await Promise.all([file.values(), file.values()]);
    assert.equal(await file.values(), first);
    assert.equal(second, first);
    assert.deepEqual(logger.messages('warn'), [`${path}: ignored, not KEY=VALUE: line 2`]);
  });

  it('warns once where it cannot be read, and comes back when it can', async () => {
    await mkdir(path);
    assert.deepEqual(await file.values(), {});
    assert.deepEqual(await file.values(), {});
    assert.deepEqual(logger.messages('warn'), [
      `${path}: cannot be read (EISDIR), so every {coex.KEY} stays empty`,
    ]);
    await rm(path, { recursive: true });
    await writeFile(path, 'drone=1');
    assert.deepEqual(await file.values(), { drone: '1' });
  });

  it('warns once of a key that it has not, and again after it has changed', async () => {
    await writeFile(path, 'drone=1');
    await file.values();
    const warning = `${path}: has no key "pilot", so {coex.pilot} stays empty; add a line pilot=VALUE`;
    file.warnMissing('pilot');
    file.warnMissing('pilot');
    assert.deepEqual(logger.messages('warn'), [warning]);
    await writeFile(path, 'drone=12');
    await file.values();
    file.warnMissing('pilot');
    assert.deepEqual(logger.messages('warn'), [warning, warning]);
  });
});
