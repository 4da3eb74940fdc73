import assert from 'node:assert/strict';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MAIN, Place } from './program.js';

/** What a file of `dist` imports with itself, and what these import. */
async function loadedWith(name: string, seen = new Map<string, string>()): Promise<Map<string, string>> {
  if (seen.has(name)) return seen;
  const text = await readFile(join(dirname(MAIN), name), 'utf8');
  seen.set(name, text);
  for (const [, other = ''] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g))
    await loadedWith(other, seen);
  return seen;
}

describe('the bundle', () => {
  it('loads what reads files, parses recordings and speaks SSH when there is a use for it', async () => {
    const names = await readdir(dirname(MAIN));
    const named = (start: RegExp) => names.filter(name => start.test(name));
    const commands = named(/^(?:status|files|show|flights|run|sync|node)-[^.]*\.js$/);
    assert.ok(commands.length >= 5, commands.join());
    for (const name of ['main.js', ...commands])
      for (const [part, text] of await loadedWith(name))
        assert.ok(!/sys_uuid|McapStreamReader|sshcrypto/.test(text), `${name} loads ${part}`);
    const scripts = names.filter(name => name.endsWith('.js'));
    const texts = await Promise.all(scripts.map(name => readFile(join(dirname(MAIN), name), 'utf8')));
    assert.ok(texts.some(text => text.includes('sshcrypto')));
    const [readers = ''] = named(/^facts-[^.]*\.js$/);
    const parts = [...(await loadedWith(readers)).values()].join('\n');
    assert.match(parts, /sys_uuid/);
    assert.doesNotMatch(parts, /class McapStreamReader|new McapStreamReader/);
  });

  it('shows the demo where no package is installed', () =>
    Place.with(async place => {
      const app = place.path('app');
      await cp(dirname(MAIN), join(app, 'dist'), {
        recursive: true,
        filter: name => !name.endsWith('.map'),
      });
      await cp(join(dirname(MAIN), '../test/data'), join(app, 'test/data'), { recursive: true });
      await writeFile(join(app, 'package.json'), '{ "type": "module" }');
      const { code, stdout, stderr } = await place.start(['demo'], {}, join(app, 'dist/main.js')).ended;
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /2 of 2 flight logs are whole everywhere/);
      assert.doesNotMatch(stderr, /Warning/);
    }));
});
