import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';

const IMPORT = /(?:from|import|import\()\s*'(\.[^']+)\.js'/g;

/** What each file of src imports from src, types and `import()` included. */
async function importsOf(folder: string): Promise<Map<string, string[]>> {
  const names = (await readdir(folder, { recursive: true })).filter(name => name.endsWith('.ts'));
  const entries = names.map(async (name): Promise<[string, string[]]> => {
    const text = await readFile(join(folder, name), 'utf8');
    const imported = [...text.matchAll(IMPORT)].map(([, path = '']) => `${path}.ts`);
    return [name, imported.map(path => normalize(join(dirname(name), path)))];
  });
  return new Map(await Promise.all(entries));
}

/** The files of the first circle that is found, from its beginning to its beginning. */
function circleIn(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return [];
    for (const next of imports.get(file) ?? []) {
      const circle = visit(next, [...path, file]);
      if (circle.length > 0) return circle;
    }
    done.add(file);
    return [];
  };
  return [...imports.keys()].map(file => visit(file, [])).find(circle => circle.length > 0) ?? [];
}

describe('imports', () => {
  it('name files that exist', async () => {
    const imports = await importsOf('src');
    const missing = [...imports.values()].flat().filter(file => !imports.has(file));
    assert.deepEqual(missing, []);
    assert.ok([...imports.values()].flat().length > 1000, 'imports are found');
  });

  it('form no circle, by types neither', async () => {
    assert.deepEqual(circleIn(await importsOf('src')), []);
    assert.deepEqual(circleIn(new Map([['a', ['b']], ['b', ['c']], ['c', ['b']]])), ['b', 'c', 'b']); // prettier-ignore
  });
});
