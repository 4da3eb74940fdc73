import assert from 'node:assert/strict';
import { openApi } from '../../../src/api/openapi.js';
import { routes } from '../../../src/api/routes.js';
import { session } from '../../../src/api/schema-session.js';
import { LOCKED, PASSWORD, serving, WRITE } from './serving.js';

interface Operation {
  readonly servers?: readonly object[];
  readonly responses: Readonly<Record<string, { readonly content?: object }>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

describe('what the web server answers besides the table', () => {
  const { paths } = openApi(routes) as Document;

  it('is described as it is', () =>
    serving(
      { web: LOCKED, parts: { metrics: { text: async () => '', requested: () => undefined } } },
      async ({ ask }) => {
        const operations = Object.entries(paths)
          .filter(([path]) => !routes.some(route => route.path === path))
          .flatMap(([path, methods]) =>
            Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
          );
        assert.equal(operations.length, 5);
        for (const { path, servers, method, responses } of operations) {
          const at = `${servers ? '' : '/api/v1'}${path}`;
          const body = method === 'post' ? JSON.stringify({ password: PASSWORD }) : '';
          const answer = await ask(at, { method: method.toUpperCase(), headers: WRITE, body });
          const known = responses[answer.status] ?? responses['default'];
          const [type] = (answer.headers['content-type'] ?? '').split(';');
          assert.deepEqual(Object.keys(known?.content ?? {}), type === '' ? [] : [type], `${method} ${at}`);
          assert.ok(path === '/metrics' ? answer.status === 401 : answer.status < 300, `${method} ${at}`);
          if (type === 'application/json') session.parse(JSON.parse(answer.body));
        }
      },
    ));
});
