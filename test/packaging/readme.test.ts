import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.js';
import { deviceTypes } from '../../src/devices/registry.js';
import { temporaryFolder } from '../conformance/temp-folder.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (name: string) => readFile(join(ROOT, name), 'utf8');

/** The blocks of YAML, in their order. */
const blocks = (markdown: string) =>
  [...markdown.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => text);

/** The words of a setting of the unit. */
const setting = (unit: string, key: string) =>
  (new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? '').split(' ');

describe('configuration of the README', () => {
  /** Names that the README says to set, in the shell or in the file of the service. */
  async function environment(pattern: RegExp): Promise<Record<string, string>> {
    const names = [...(await read('README.md')).matchAll(pattern)].map(([, name = '']) => name);
    return Object.fromEntries(names.map(name => [name, 'x']));
  }

  async function load(text: string, env: Record<string, string>) {
    const { path, remove } = await temporaryFolder();
    const file = join(path, 'filesync.yaml');
    await writeFile(file, text);
    return loadConfig(file, { env, deviceTypes }).finally(remove);
  }

  /** Names of variables that secrets come from. */
  const variables = (text: string) => [...text.matchAll(/\{ env: (\w+) \}/g)].map(([, name = '']) => name);

  it('is valid, with the variables that are set before', async () => {
    const [text = ''] = blocks(await read('README.md'));
    const env = await environment(/export (\w+)=/g);
    const config = await load(text, env);
    assert.deepEqual(config.warnings, []);
    assert.deepEqual(variables(text), Object.keys(env));
  });

  it('is valid in the service, with the paths for it, and writes only where the unit lets it', async () => {
    const [text = '', paths = ''] = blocks(await read('README.md'));
    const env = await environment(/filesync\.env +# (\w+)=/g);
    assert.deepEqual(variables(text), Object.keys(env));
    const values = { ...(parse(text) as object), ...(parse(paths) as object) };
    const config = await load(JSON.stringify(values), env);
    const unit = await read('packaging/filesync.service');
    const [state] = setting(unit, 'StateDirectory');
    for (const path of [config.local, config.database])
      assert.ok(path.startsWith(`/var/lib/${state}/`), `${path} is not in the state folder of the unit`);
    const shipped = parse(await read('packaging/filesync.yaml')) as { local: string; database: string };
    assert.deepEqual([shipped.local, shipped.database], [config.local, config.database]);
  });

  it('names the files and folders that the unit and the package have', async () => {
    const [readme, unit] = [await read('README.md'), await read('packaging/filesync.service')];
    for (const path of ['/etc/filesync/filesync.yaml', '/etc/filesync/filesync.env'])
      assert.ok(readme.includes(path) && unit.includes(path), path);
    const writable = setting(unit, 'ReadWritePaths').map(path => path.replace('-', ''));
    for (const path of writable) assert.ok(readme.includes(path), `README does not name ${path}`);
    assert.deepEqual(setting(unit, 'WantedBy'), ['multi-user.target']);
    assert.deepEqual(setting(unit, 'User'), ['filesync']);
  });
});
