import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyOfSecret, resolveSecret } from '../../../src/config/secrets.js';

const VALUE = 'hunter2';

describe('resolveSecret', () => {
  let folder: string;

  const resolve = (ref: Parameters<typeof resolveSecret>[0], env: Record<string, string> = {}) =>
    resolveSecret(ref, { env, folder });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'filesync-secrets-'));
    await writeFile(join(folder, 'unix'), `${VALUE}\n`);
    await writeFile(join(folder, 'dos'), `${VALUE}\r\n`);
    await writeFile(join(folder, 'blanks'), ` ${VALUE} `);
    await writeFile(join(folder, 'lines'), `${VALUE}\n\n\r\n\n`);
    await writeFile(join(folder, 'empty'), '\n');
    await mkdir(join(folder, 'sub'));
  });

  after(() => rm(folder, { recursive: true }));

  it('takes a value as it is', () => {
    assert.equal(resolve(VALUE), VALUE);
    assert.equal(resolve(''), '');
  });

  it('reads a variable', () => {
    assert.equal(resolve({ env: 'PW' }, { PW: VALUE }), VALUE);
    assert.equal(resolve({ env: 'PW' }, { PW: `${VALUE}\n\n` }), VALUE);
  });

  it('reads a file without the line ends behind it, from the folder, the home or anywhere', () => {
    assert.equal(resolve({ file: 'unix' }), VALUE);
    assert.equal(resolve({ file: './dos' }), VALUE);
    assert.equal(resolve({ file: 'lines' }), VALUE);
    assert.equal(resolve({ file: join(folder, 'blanks') }), ` ${VALUE} `);
    assert.equal(resolve({ file: '~/unix' }, { HOME: folder }), VALUE);
  });

  for (const [env, state] of [
    [{}, 'not set'],
    [{ PW: '' }, 'empty'],
    [{ PW: '\n' }, 'empty'],
  ] as const) {
    it(`names a variable that is ${state}: ${JSON.stringify(env)}`, () => {
      assert.throws(() => resolve({ env: 'PW' }, env), {
        kind: 'config',
        message: `the environment variable PW is ${state}; set it to the secret`,
      });
    });
  }

  for (const [file, trouble] of [
    ['none', 'does not exist; create it with the secret as its content'],
    ['empty', 'is empty; write the secret into it'],
    ['sub', 'is a folder; name a file in it'],
  ] as const) {
    it(`names a file that ${trouble}`, () => {
      assert.throws(() => resolve({ file }), {
        kind: 'config',
        message: `the secret's file ${join(folder, file)} ${trouble}`,
      });
    });
  }

  const key = 'devices.archive.password';
  for (const [character, words] of [
    ['\n', 'a line break (U+000A)'],
    ['\r', 'a carriage return (U+000D)'],
    ['\t', 'a tab (U+0009)'],
    ['\0', 'a NUL (U+0000)'],
    ['\u007f', 'a control character (U+007F)'],
    ['\u0085', 'a control character (U+0085)'],
  ] as const) {
    it(`names ${words} inside a secret and its place, never the secret`, () => {
      const broken = `hunter${character}word`;
      const message = (place: string) =>
        `${key}: ${place} has ${words} inside the secret: write the secret alone, on one line and as UTF-8`;
      const fails = (ref: Parameters<typeof resolveSecret>[0], place: string) =>
        assert.throws(
          () =>
            resolveSecret(ref, { env: { PW: `${broken}\n` }, folder, key, readFile: () => `${broken}\n\n` }),
          { kind: 'config', message: message(place) },
        );
      fails({ file: '/pw' }, "the secret's file /pw");
      fails({ env: 'PW' }, 'the environment variable PW');
      fails(broken, 'the secret');
    });
  }

  it('names a file that this user may not read', () => {
    const readFile = () => {
      throw Object.assign(new Error('no'), { code: 'EACCES' });
    };
    assert.throws(() => resolveSecret({ file: '/pw' }, { env: {}, folder, readFile }), {
      kind: 'config',
      message: "the secret's file /pw may not be read by this user; change its owner or rights",
    });
  });
});

describe('keyOfSecret', () => {
  it('finds the option that holds the reference', () => {
    const [password, header] = [{ file: 'pw' }, { file: 'pw' }];
    const options = { user: 'u', password, headers: { 'X-Key': header, 'X-Other': 'plain' } };
    assert.equal(keyOfSecret('archive', options, password), 'devices.archive.password');
    assert.equal(keyOfSecret('archive', options, header), 'devices.archive.headers.X-Key');
    assert.equal(keyOfSecret('archive', options, 'plain'), 'devices.archive.headers.X-Other');
    assert.equal(keyOfSecret('archive', options, { file: 'pw' }), undefined);
  });
});
