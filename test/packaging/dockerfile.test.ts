import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runChild } from '../../src/system/child.js';

const DOCKERFILE = fileURLToPath(new URL('../../packaging/Dockerfile', import.meta.url));
const TIMEOUT_MS = 20_000;

const hadolint = (...args: string[]) =>
  runChild('hadolint', args, { env: { PATH: process.env['PATH'] ?? '' }, ms: TIMEOUT_MS, remedy: 'none' });
const missing = await hadolint('--version').then(
  () => '',
  () => ': skipped, this machine has no hadolint',
);

describe('Dockerfile', () => {
  it('runs the program as a user without rights', async () => {
    const stages = (await readFile(DOCKERFILE, 'utf8')).split(/^FROM /m);
    const users = [...(stages.at(-1) ?? '').matchAll(/^USER (\S+)$/gm)].map(([, user]) => user);
    assert.deepEqual(users, ['filesync']);
  });

  it(`has no mistakes that hadolint finds${missing}`, async function () {
    if (missing) return this.skip();
    const { code, stdout } = await hadolint(DOCKERFILE);
    assert.equal(code, 0, stdout);
  });
});
