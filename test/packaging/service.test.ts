import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../src/config/load.js';
import { deviceTypes } from '../../src/devices/registry.js';
import { runChild } from '../../src/system/child.js';
import { temporaryFolder } from '../conformance/temp-folder.js';

const PACKAGING = fileURLToPath(new URL('../../packaging/', import.meta.url));
const MAX_EXPOSURE = 2.5;
const TIMEOUT_MS = 60_000;

const read = (name: string) => readFile(join(PACKAGING, name), 'utf8');
const analyze = (...args: string[]) => {
  const env = { PATH: process.env['PATH'] ?? '', SYSTEMD_PAGER: '', LC_ALL: 'C.UTF-8' };
  return runChild('systemd-analyze', args, { env, ms: TIMEOUT_MS, remedy: 'none' });
};
const missing = await analyze('--version').then(
  () => '',
  () => ': skipped, this machine has no systemd-analyze',
);

describe('systemd unit', function () {
  this.timeout(2 * TIMEOUT_MS);
  let unit: string;
  let remove: () => Promise<void>;

  before(async () => {
    const { path, ...folder } = await temporaryFolder();
    ({ remove } = folder);
    unit = join(path, 'filesync.service');
    // The program is not installed where the tests run.
    await writeFile(unit, (await read('filesync.service')).replaceAll('/usr/bin/filesync', '/bin/true'));
  });
  after(() => remove());

  it(`has no mistakes that systemd-analyze verify finds${missing}`, async function () {
    if (missing) return this.skip();
    const { stderr } = await analyze('verify', '--man=no', unit);
    // Units of the machine itself are looked at as well.
    assert.deepEqual(
      stderr.split('\n').filter(line => line.includes('filesync')),
      [],
    );
  });

  it(`is exposed by at most ${MAX_EXPOSURE} of 10${missing}`, async function () {
    if (missing) return this.skip();
    const { stdout } = await analyze('security', '--offline=yes', '--no-pager', unit);
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
    assert.ok(exposure <= MAX_EXPOSURE, stdout);
  });

  it('does not forbid what V8 and serial ports need', async () => {
    const text = await read('filesync.service');
    assert.doesNotMatch(text, /^(MemoryDenyWriteExecute|PrivateDevices)=/m);
  });
});

describe('configuration of the service', () => {
  const load = async (text: string, env: Record<string, string> = {}) => {
    await using folder = await temporary();
    const file = join(folder.path, 'filesync.yaml');
    await writeFile(file, text);
    return loadConfig(file, { env, deviceTypes });
  };
  const temporary = async () => {
    const { path, remove } = await temporaryFolder();
    return { path, [Symbol.asyncDispose]: remove };
  };
  /** Examples follow the sign at once, or two spaces deeper; one space begins a sentence. */
  const uncommented = (text: string) => text.replace(/^( *)#(?=[\w-]| {2}\w)/gm, '$1');

  it('is valid as it is shipped, and keeps everything in the state folder of the unit', async () => {
    const config = await load(await read('filesync.yaml'));
    assert.deepEqual(config.warnings, []);
    assert.equal(config.local, '/var/lib/filesync/data');
    assert.equal(config.database, '/var/lib/filesync/filesync.json');
    assert.match(await read('filesync.service'), /^StateDirectory=filesync filesync\/archive$/m);
  });

  it('is valid with all that it has as comments, and the secrets of the environment file', async () => {
    const names = [...(await read('filesync.env')).matchAll(/^#(\w+)=/gm)].map(([, name]) => name ?? '');
    const env = Object.fromEntries(names.map(name => [name, 'x']));
    const config = await load(uncommented(await read('filesync.yaml')), env);
    assert.deepEqual(config.warnings, []);
    assert.equal(config.rules.length, 3);
  });
});
