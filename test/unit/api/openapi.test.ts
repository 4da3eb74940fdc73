import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { openApi } from '../../../src/api/openapi.js';
import { event } from '../../../src/api/schema-events.js';
import { routes } from '../../../src/api/routes.js';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, object>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly securitySchemes: object };
}

/** What the web server answers besides the table; test/unit/web/openapi.test.ts asks for it. */
const OF_THE_WEB = [
  ...['GET /session', 'POST /session', 'DELETE /session'],
  ...['GET /healthz', 'GET /metrics'],
];

/** Every `$ref` in it. */
function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) =>
    key === '$ref' && typeof one === 'string' ? [one] : refsIn(one),
  );
}

function resolved(document: unknown, ref: string): unknown {
  assert.match(ref, /^#\//, `${ref} is in another document`);
  return ref
    .slice(2)
    .split('/')
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], document);
}

describe('the description of the HTTP API', () => {
  const document = openApi(routes) as Document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

  it('is in docs/openapi.json as it is now (npm run docs)', async () => {
    const text = await readFile(new URL('../../../docs/openapi.json', import.meta.url), 'utf8');
    assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(document)));
  });

  it('is of OpenAPI 3.1 and has every route of the table once, and those of the web server', () => {
    assert.equal(document.openapi, '3.1.0');
    assert.deepEqual(
      operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`).sort(),
      [...routes.map(({ path, method }) => `${method} ${path}`), ...OF_THE_WEB].sort(),
    );
    assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length);
  });

  it('is in words in docs/API.md', async () => {
    const text = await readFile(new URL('../../../docs/API.md', import.meta.url), 'utf8');
    const lines = text.split('\n').filter(line => line.startsWith('| `'));
    const shown = lines.flatMap(line => {
      const [, cell = ''] = line.split(' | ', 1)[0]?.split('| ', 2) ?? [];
      const [method = ''] = /[A-Z]+/.exec(cell) ?? [];
      return [...cell.matchAll(/\/[\w/.]*/g)].map(([path]) => `${method} ${path}`);
    });
    const words = ({ method, path }: (typeof routes)[number]) =>
      `${method} ${path.replace('{id}', 'ID').replace('{name}', 'NAME')}`;
    assert.deepEqual(
      [...routes.map(words), ...OF_THE_WEB].filter(one => !shown.includes(one)),
      [],
    );
    for (const { shape } of event.options)
      assert.ok(
        lines.some(line => line.startsWith(`| \`${shape.type.value}\` |`)),
        shape.type.value,
      );
  });

  it('refers to nothing that it does not have', () => {
    const refs = refsIn(document);
    assert.ok(refs.length > routes.length);
    for (const ref of refs) assert.equal(typeof resolved(document, ref), 'object', ref);
  });

  it('declares the parameters of each path, and no others', () => {
    for (const { path, method, operation } of operations) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = (operation.parameters ?? []).filter(one => one.in === 'path');
      assert.deepEqual(
        declared.map(({ name }) => name),
        named,
        `${method} ${path}`,
      );
      assert.ok(declared.every(({ required }) => required));
    }
  });

  it('says of each operation what it answers, and what an error is', () => {
    for (const { path, method, operation } of operations) {
      assert.ok(operation.responses['200'] ?? operation.responses['204'], `${method} ${path}`);
      assert.ok(JSON.stringify(operation.responses['default']).includes('application/problem+json'));
      assert.equal(operation.requestBody !== undefined && method === 'get', false);
    }
  });
});
