import assert from 'node:assert/strict';
import { chmod, chown, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secrets } from '../../../../src/cli/init/secrets.js';
import { writeConfiguration } from '../../../../src/cli/init/write.js';
import { temporaryFolder } from '../../../conformance/temp-folder.js';

const EXAMPLE = '# The example of the package.\n';
const NEW = 'password: { file: archive.password }\n';
/** `dialout` in Debian; any group but root's would do. */
const GROUP = 20;
const isRoot = process.getuid?.() === 0;

describe('the example of the package, at filesync init', () => {
  let folder: string;
  let remove: () => Promise<void>;
  const at = (name: string) => join(folder, name);

  beforeEach(async () => {
    ({ path: folder, remove } = await temporaryFolder());
    await writeFile(at('shipped.yaml'), EXAMPLE);
  });
  afterEach(() => remove());

  async function write(text: string) {
    const secrets = new Secrets(folder, {});
    secrets.add('archive.password', 'hunter22');
    await writeFile(at('filesync.yaml'), text, { mode: 0o640 });
    if (isRoot) await chown(at('filesync.yaml'), 0, GROUP);
    await chmod(at('filesync.yaml'), 0o640);
    return writeConfiguration(at('filesync.yaml'), NEW, secrets, at('shipped.yaml'));
  }

  it('is replaced while it is unedited, and its group reads what takes its place', async () => {
    const written = await write(EXAMPLE);
    assert.deepEqual(written, [at('archive.password'), at('filesync.yaml')]);
    assert.equal(await readFile(at('filesync.yaml'), 'utf8'), NEW);
    assert.deepEqual((await readdir(folder)).sort(), ['archive.password', 'filesync.yaml', 'shipped.yaml']);
    for (const path of written) {
      const { gid, mode } = await stat(path);
      assert.deepEqual([gid, mode & 0o777], isRoot ? [GROUP, 0o640] : [gid, modeAlone(path)]);
    }
  });

  it('is kept once it has been edited', async () => {
    await assert.rejects(write(`${EXAMPLE}interval: 5s\n`), /exists and is never overwritten/);
    assert.equal(await readFile(at('filesync.yaml'), 'utf8'), `${EXAMPLE}interval: 5s\n`);
  });
});

const modeAlone = (path: string) => (path.endsWith('.yaml') ? 0o640 : 0o600);
