import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveSecret } from '../../../src/config/secrets.js';

const VALUE = 'hunter2';

describe('resolveSecret', () => {
  let folder: string;

  const resolve = (ref: Parameters<typeof resolveSecret>[0], env: Record<string, string> = {}) =>
    resolveSecret(ref, { env, folder });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'filesync-secrets-'));
    await writeFile(join(folder, 'unix'), `${VALUE}\n`);
    await writeFile(join(folder, 'dos'), `${VALUE}\r\n`);
    await writeFile(join(folder, 'blanks'), ` ${VALUE} \n\n`);
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
  });

  it('reads a file without its last line end, from the folder, the home or anywhere', () => {
    assert.equal(resolve({ file: 'unix' }), VALUE);
    assert.equal(resolve({ file: './dos' }), VALUE);
    assert.equal(resolve({ file: join(folder, 'blanks') }), ` ${VALUE} \n`);
    assert.equal(resolve({ file: '~/unix' }, { HOME: folder }), VALUE);
  });

  for (const [env, state] of [
    [{}, 'not set'],
    [{ PW: '' }, 'empty'],
  ] as const) {
    it(`names a variable that is ${state}`, () => {
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
