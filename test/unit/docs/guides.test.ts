import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../../src/config/load.js';
import { deviceTypes } from '../../../src/devices/registry.js';

const GUIDES = 'docs/guides';
/** Of a block that shows rules or notifications alone. */
const OTHER_KEYS = { devices: 'devices: {}\n', rules: 'rules: []\n' };

/** The configurations that a guide shows; what they leave out is empty. */
function configurationsIn(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => text);
  return blocks.map(text =>
    Object.entries(OTHER_KEYS).reduce(
      (all, [key, empty]) => (new RegExp(`^${key}:`, 'm').test(all) ? all : empty + all),
      text,
    ),
  );
}

describe('the configurations of the guides', () => {
  it('are read as they are, without a warning', async () => {
    const problems: string[] = [];
    let read = 0;
    for (const name of await readdir(GUIDES))
      for (const text of configurationsIn(await readFile(join(GUIDES, name), 'utf8'))) {
        const loaded = loadConfig('filesync.yaml', {
          env: {},
          deviceTypes,
          readFile: async path => (path.endsWith('.yaml') ? text : ''),
        });
        await loaded.then(
          ({ warnings }) => problems.push(...warnings.map(warning => `${name}: ${warning}`)),
          (error: unknown) => problems.push(`${name}: ${String(error)}\n${text}`),
        );
        read++;
      }
    assert.deepEqual(problems, []);
    assert.ok(read >= 8, `${read} configurations`);
  });
});
