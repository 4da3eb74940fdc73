import assert from 'node:assert/strict';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { NEVER, of } from 'rxjs';
import { DatabaseApi, type Daemon } from '../../../src/api/database-api.js';
import { routeFor } from '../../../src/api/http.js';
import { problem } from '../../../src/api/problem.js';
import { routes } from '../../../src/api/routes.js';
import type { Route } from '../../../src/api/route.js';
import { serveControl } from '../../../src/api/server.js';
import type { DeviceStatus } from '../../../src/engine/devices.js';
import { Records } from '../../../src/record/records.js';
import { systemClock } from '../../../src/system/clock.js';
import { sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';

const BYTES = Buffer.from(sample(1001, 1));
const SHA = 'ab'.repeat(32);
const PENDING = { nas: { state: 'pending' } } as const;
const DONE = { nas: { state: 'done', path: 'x', location: 'ftp://nas/x', verified: 'hash', at: 5 } } as const;
const WHOLE = { size: BYTES.length, sha256: SHA, copy: { state: 'whole' } } as const;

const FOUND = fileRecord(1, { targets: PENDING });
const SKIPPED = fileRecord(2, { targets: PENDING, skipped: 'fetch: asked' });
const FAILED = fileRecord(3, { targets: PENDING, givenUp: true, reason: 'the card is broken' });
const COPY = fileRecord(4, { ...WHOLE, targets: DONE, fetchedAt: 4 });
const OLD = fileRecord(5, { targets: DONE, source: { state: 'removed' } });

const CAM = {
  ...{ name: 'autopilot', type: 'mavlink', available: true, reason: '', armed: false, since: 0 },
} as DeviceStatus;

const DAEMON: Daemon = {
  ...{ devices: of([CAM]), progress: NEVER, paused: false, waits: () => [], transfers: () => [] },
  ...{ isTarget: name => name === 'nas', rescan: () => undefined, pause: () => undefined, push: () => 1 },
};

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  json(): unknown;
}

type Ask = (
  method: string,
  path: string,
  options?: { readonly body?: string | Buffer; readonly headers?: Record<string, string> },
) => Promise<Answer>;

interface Bench {
  readonly ask: Ask;
  readonly local: string;
  readonly records: Records;
}

/** The socket before a database with a file in each of several states, one with a local copy. */
async function served(test: (bench: Bench) => Promise<void>): Promise<void> {
  const folder = await temporaryFolder();
  const [socketPath, local] = [join(folder.path, 'db.sock'), join(folder.path, 'local')];
  await mkdir(join(local, dirname(COPY.local)), { recursive: true });
  await writeFile(join(local, COPY.local), BYTES);
  const store = new MemoryStore([FOUND, SKIPPED, FAILED, COPY, OLD]);
  await store.archive([OLD.id]);
  const records = new Records(store, systemClock);
  const api = new DatabaseApi({ records, clock: systemClock, hostname: 'pi', local, daemon: DAEMON });
  const control = await serveControl(socketPath, api);
  const ask: Ask = async (method, path, { body, headers = {} } = {}) => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = request({ socketPath, method, path, headers, agent: false }, resolve);
      asked.on('error', reject).end(body);
    });
    const { statusCode: status = 0, headers: answered } = response;
    const isStream = answered['content-type'] === 'text/event-stream' && method !== 'HEAD';
    if (isStream) response.destroy();
    const bytes = isStream ? Buffer.alloc(0) : await buffer(response);
    return { status, headers: answered, body: bytes, json: () => JSON.parse(bytes.toString()) as unknown };
  };
  try {
    await test({ ask, local, records });
  } finally {
    await control[Symbol.asyncDispose]();
    await records.close();
    await folder.remove();
  }
}

/** Requests that are answered with 200, of each route; the compiler does not know the table, the test below compares it. */
const CASES: Readonly<Record<string, readonly (readonly [path: string, body?: object])[]>> = {
  'GET /status': [['/status']],
  'GET /files': [
    ['/files'],
    ['/files?state=FOUND,FAILED&device=autopilot&sort=-found_at&limit=2'],
    ['/files?text=ULG&since=2026-01-01T00:00:00Z&archive=true'],
    ['/files?match=**/*.ulg&until=9e15&larger=1'],
  ],
  'GET /files/{id}': [FOUND, SKIPPED, FAILED, COPY, OLD].map(({ id }) => [`/files/${id}`] as const),
  'PATCH /files/{id}': [
    [`/files/${FOUND.id}`, { description: 'windy' }],
    [`/files/${FOUND.id}`, { state: 'UPLOADED' }],
    [`/files/${FAILED.id}`, { state: 'FOUND', targets: ['nas'] }],
  ],
  'DELETE /files/{id}': [[`/files/${FOUND.id}`]],
  'GET /files/{id}/content': [[`/files/${COPY.id}/content`]],
  'DELETE /files/{id}/content': [[`/files/${COPY.id}/content`], [`/files/${FOUND.id}/content`]],
  'GET /files/{id}/receipt': [[`/files/${COPY.id}/receipt`], [`/files/${FOUND.id}/receipt`]],
  'GET /files/{id}/signals': [[`/files/${COPY.id}/signals`], [`/files/${FOUND.id}/signals`]],
  'GET /flights': [['/flights'], ['/flights?since=2026-01-01T00:00:00%2B02:00&limit=1&vehicle=a']],
  'GET /fleet': [['/fleet']],
  'POST /files/retry': [['/files/retry', { all: true }]],
  'POST /files/forget': [['/files/forget', { ids: [FOUND.id, 'zz'] }]],
  'POST /files/first': [['/files/first', { ids: [FOUND.id] }]],
  'POST /files/fetch': [['/files/fetch', { ids: [SKIPPED.id] }]],
  'POST /files/cancel': [['/files/cancel', { ids: [FOUND.id, COPY.id] }]],
  'POST /files/repair': [['/files/repair', { copies: [], deliveries: [] }]],
  'POST /rescan': [['/rescan']],
  'POST /push': [['/push']],
  'PUT /paused': [['/paused', { paused: true }]],
  'GET /devices/{name}/link': [['/devices/autopilot/link']],
  'GET /log': [['/log'], ['/log?level=warn&text=x&limit=3']],
  'GET /events': [['/events']],
  'GET /openapi.json': [['/openapi.json']],
};

const nameOf = ({ method, path }: Route): string => `${method} ${path}`;

describe('The table of routes', () => {
  it('has a case in this test for each route', () => {
    assert.deepEqual(Object.keys(CASES).sort(), routes.map(nameOf).sort());
  });

  for (const route of routes)
    it(`answers ${nameOf(route)} as its schema says`, () =>
      served(async ({ ask }) => {
        for (const [path, body] of CASES[nameOf(route)] ?? []) {
          const answer = await ask(route.method, `/api/v1${path}`, {
            body: body && JSON.stringify(body),
          } as object);
          assert.equal(answer.status, 200, `${path}: ${answer.body.toString().slice(0, 300)}`);
          assert.equal(answer.headers['content-type'], route.type);
          if (route.type === 'application/json') route.response.parse(answer.json());
        }
      }));

  it('says of each route what it needs, and what it does', () => {
    for (const { method, scope, summary } of routes) {
      if (scope !== 'none') assert.equal(scope, method === 'GET' ? 'read' : 'operate');
      assert.match(summary, /^[A-Z].*\.$/);
    }
  });

  it('answers a wrong method with 405 and those that are right', () =>
    served(async ({ ask }) => {
      for (const path of new Set(routes.map(route => route.path))) {
        const right = routes.filter(route => route.path === path).map(({ method }) => method);
        const asked = path.replace('{id}', COPY.id).replace('{name}', 'autopilot');
        for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
          if (right.some(one => one === method)) continue;
          const answer = await ask(method, asked);
          assert.equal(answer.status, 405, `${method} ${path}`);
          const allow = (answer.headers.allow ?? '').split(', ').filter(one => one !== 'HEAD');
          assert.deepEqual(allow.sort(), [...right].sort());
          assert.equal(problem.parse(answer.json()).status, 405);
        }
      }
    }));

  it('answers HEAD as GET without a body', () =>
    served(async ({ ask }) => {
      for (const route of routes.filter(({ method }) => method === 'GET')) {
        const [[path = ''] = []] = CASES[nameOf(route)] ?? [];
        const answer = await ask('HEAD', path);
        assert.deepEqual([answer.status, answer.body.length], [200, 0], path);
      }
    }));

  it('finds a route by the path alone, with and without the version', () => {
    assert.equal(routeFor('GET', '/api/v1/files/0?x=/y')?.route.path, '/files/{id}');
    assert.equal(routeFor('GET', '/files/retry')?.allowed, undefined);
    assert.equal(routeFor('HEAD', '/status')?.route.path, '/status');
    assert.deepEqual(routeFor('GET', '/files/a%20b')?.params, { id: 'a b' });
    for (const path of ['', '/', '//', '/files/', '/api/v1', '/api/v1/', '/api/v1//status', 'status', '*'])
      assert.equal(routeFor('GET', path), undefined, path);
    for (const path of ['/__proto__', '/constructor', '/files/%', '/files/%ff', `/files/${'0'.repeat(300)}`])
      assert.equal(routeFor('GET', path), undefined, path);
  });
});

/** Refused as RFC 9457 says, and nothing is changed. */
async function refused(
  { ask, records }: Bench,
  status: number | readonly number[],
  ...asked: Parameters<Ask>
): Promise<string> {
  const before = JSON.stringify([...records.all()]);
  const answer = await ask(...asked);
  const said = `${asked[0]} ${asked[1]}: ${answer.status} ${answer.body.toString().slice(0, 200)}`;
  assert.ok([status].flat().includes(answer.status), said);
  assert.equal(answer.headers['content-type'], 'application/problem+json', said);
  assert.equal(JSON.stringify([...records.all()]), before, said);
  return problem.parse(answer.json()).detail;
}

describe('hostile requests', () => {
  const IDS = ['..', '%2e%2e', '..%2f..%2fetc%2fpasswd', '%00', 'a%00b', '__proto__', 'constructor'];
  const MORE_IDS = ['toString', 'zz', '%2f', '%5c', '*', '{id}', '%f0%9f%92%a9', "'%20OR%201=1"];

  it('with ids that are none find nothing', () =>
    served(async bench => {
      for (const id of [...IDS, ...MORE_IDS])
        for (const [method, rest] of [
          ...(['GET', 'DELETE'] as const).map(method => [method, ''] as const),
          ...['/content', '/receipt', '/signals'].map(rest => ['GET', rest] as const),
          ['DELETE', '/content'] as const,
        ])
          await refused(bench, 404, method, `/files/${id}${rest}`);
      for (const id of IDS) await refused(bench, 404, 'GET', `/devices/${id}/link`);
      for (const id of IDS)
        await refused(bench, 404, 'PATCH', `/files/${id}`, { body: '{"description":"x"}' });
    }));

  it('with bodies that are none of the schema change nothing', () =>
    served(async bench => {
      const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
      const bodies = [
        '',
        '{',
        'null',
        '[]',
        '"x"',
        '1',
        '{"x":1}',
        '{"__proto__":{"all":true}}',
        deep,
        '\xff',
      ];
      for (const route of routes.filter(({ body }) => body)) {
        const path = route.path.replace('{id}', FOUND.id);
        for (const body of bodies) await refused(bench, 400, route.method, path, { body });
      }
      const edits = ['{}', '{"state":"X"}', '{"state":0}', '{"targets":"nas"}', '{"size":1}'];
      for (const body of edits) await refused(bench, 400, 'PATCH', `/files/${FOUND.id}`, { body });
      const all = '{"all":true,"ids":["x"]}';
      await refused(bench, 400, 'POST', '/files/retry', { body: all });
      await refused(bench, 400, 'POST', '/files/forget', { body: '{"all":true}' });
    }));

  it('with bodies that are too long are refused before they are read', () =>
    served(async bench => {
      const headers = { 'content-length': String(1024 * 1024 + 1) };
      await refused(bench, 413, 'POST', '/files/retry', { body: Buffer.alloc(1024 * 1024 + 1, 32), headers });
      const chunked = { 'transfer-encoding': 'chunked' };
      await refused(bench, 413, 'POST', '/files/retry', {
        body: Buffer.alloc(1100 * 1024, 32),
        headers: chunked,
      });
    }));

  it('with queries that are wrong, unknown or twice there name what is wrong', () =>
    served(async bench => {
      const wrong: readonly (readonly [string, RegExp])[] = [
        ['limit=1&limit=2', /^limit: is there more than once$/],
        ['state=FOUND&state=FAILED', /^state: is there more than once$/],
        ['stat=FOUND', /stat/],
        ['__proto__=1', /__proto__|proto/],
        ['state=X', /^state/],
        ['limit=0', /^limit/],
        ['since=yesterday', /^since/],
        ['since=NaN', /^since/],
        ['since=2026-13-01T00:00:00Z', /^since/],
        ['sort=id', /^sort/],
        ['cursor=../x', /^cursor/],
        [`text=${'x'.repeat(1001)}`, /^text/],
      ];
      for (const [query, message] of wrong)
        assert.match(await refused(bench, 400, 'GET', `/files?${query}`), message, query);
      await refused(bench, 400, 'GET', '/status?x=1');
      await refused(bench, 400, 'GET', '/log?level=all');
      await refused(bench, 400, 'GET', '/events?last_event_id=1&last_event_id=2');
    }));
});

describe('files by a part of their path, and since a time', () => {
  const idsIn = (answer: Answer) => (answer.json() as { files: { id: string }[] }).files.map(({ id }) => id);

  it('are found in upper and lower case', () =>
    served(async ({ ask }) => {
      assert.deepEqual(idsIn(await ask('GET', '/files?text=22%2F3.U')), [FAILED.id]);
      assert.deepEqual(idsIn(await ask('GET', '/files?text=nothing')), []);
    }));

  it('are compared with a time in RFC 3339 as with one in ms', () =>
    served(async ({ ask }) => {
      const since = new Date(FAILED.foundAt).toISOString();
      const wanted = [FAILED.id, COPY.id];
      for (const text of [
        since,
        String(FAILED.foundAt),
        since.replace('Z', '%2B00:00'),
        since.replace('Z', '+00:00'),
      ])
        assert.deepEqual(idsIn(await ask('GET', `/files?since=${text}`)), wanted, text);
    }));
});

describe('a receipt', () => {
  it('says who has which bytes, and how that was proved', () =>
    served(async ({ ask }) => {
      const { issued_at, version, ...said } = (
        await ask('GET', `/files/${COPY.id}/receipt`)
      ).json() as Record<string, unknown>;
      assert.ok(typeof version === 'string' && typeof issued_at === 'string');
      assert.deepEqual(said, {
        ...{ id: COPY.id, device: 'autopilot', path: COPY.path, size: BYTES.length, sha256: SHA },
        ...{ modified: null, found_at: new Date(COPY.foundAt).toISOString(), hostname: 'pi' },
        fetched_at: '1970-01-01T00:00:00.004Z',
        targets: [
          {
            ...{ target: 'nas', state: 'DONE', path: 'x', location: 'ftp://nas/x', verified: 'hash' },
            delivered_at: '1970-01-01T00:00:00.005Z',
          },
        ],
      });
    }));
});

describe('the content of a file', () => {
  const path = `/files/${COPY.id}/content`;
  const size = BYTES.length;

  it('is the local copy, as an attachment', () =>
    served(async ({ ask }) => {
      const { headers, body } = await ask('GET', path);
      assert.deepEqual(body, BYTES);
      assert.equal(headers['content-disposition'], `attachment; filename="4.ulg"; filename*=UTF-8''4.ulg`);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['accept-ranges'], 'bytes');
      assert.equal(headers['etag'], `"${SHA}"`);
      assert.equal(headers['content-length'], String(size));
    }));

  const RANGES: readonly (readonly [range: string, start: number, end: number])[] = [
    ['bytes=0-0', 0, 1],
    ['bytes=10-19', 10, 20],
    ['bytes=990-', 990, size],
    ['bytes=-11', size - 11, size],
    ['bytes=0-99999', 0, size],
    ['bytes=-99999', 0, size],
    ['BYTES=5-6', 5, 7],
    [`bytes=${size - 1}-${size - 1}`, size - 1, size],
  ];
  for (const [range, start, end] of RANGES)
    it(`is sent in part: ${range}`, () =>
      served(async ({ ask }) => {
        const { status, headers, body } = await ask('GET', path, { headers: { range } });
        assert.equal(status, 206);
        assert.equal(headers['content-range'], `bytes ${start}-${end - 1}/${size}`);
        assert.deepEqual(body, BYTES.subarray(start, end));
      }));

  for (const range of [
    'bytes=2-1',
    'bytes=a-b',
    'items=0-1',
    'bytes=0-1,5-6',
    'bytes=-',
    'bytes',
    'bytes=--1',
  ])
    it(`is sent whole for what is no single range: ${range}`, () =>
      served(async ({ ask }) => {
        const { status, body } = await ask('GET', path, { headers: { range } });
        assert.deepEqual([status, body], [200, BYTES]);
      }));

  for (const range of [`bytes=${size}-`, 'bytes=-0', 'bytes=99999-100000'])
    it(`is refused where nothing of it is asked for: ${range}`, () =>
      served(async bench => {
        const { status, headers } = await bench.ask('GET', path, { headers: { range } });
        assert.deepEqual([status, headers['content-range']], [416, `bytes */${size}`]);
      }));

  it('is sent in part only while it is the same', () =>
    served(async ({ ask }) => {
      const range = 'bytes=0-9';
      const of = async (ifRange: string) =>
        (await ask('GET', path, { headers: { range, 'if-range': ifRange } })).status;
      assert.equal(await of(`"${SHA}"`), 206);
      assert.equal(await of('"other"'), 200);
      assert.equal(await of(`W/"${SHA}"`), 200);
      assert.equal(await of('Wed, 21 Oct 2026 07:28:00 GMT'), 200);
    }));

  it('is described by HEAD, which knows no ranges', () =>
    served(async ({ ask }) => {
      const { status, headers, body } = await ask('HEAD', path, { headers: { range: 'bytes=0-9' } });
      assert.deepEqual([status, headers['content-length'], body.length], [200, String(size), 0]);
    }));

  it('is not found where there is no copy', () =>
    served(async bench => {
      assert.match(await refused(bench, 404, 'GET', `/files/${FOUND.id}/content`), /there is no local copy/);
      await rm(join(bench.local, COPY.local));
      assert.match(await refused(bench, 404, 'GET', path), /is missing$/);
    }));

  it('is refused where the copy has another size', () =>
    served(async bench => {
      await writeFile(join(bench.local, COPY.local), 'other');
      assert.match(await refused(bench, 409, 'GET', path), /has 5 bytes instead of 1001/);
    }));

  it('is never that of a symbolic link, also in place of a folder', () =>
    served(async bench => {
      const [file, folder] = [join(bench.local, COPY.local), join(bench.local, dirname(COPY.local))];
      const secret = join(bench.local, '../secret');
      await mkdir(secret);
      await writeFile(join(secret, '4.ulg'), BYTES);
      await rm(file);
      await symlink(join(secret, '4.ulg'), file);
      await refused(bench, [404, 409, 500], 'GET', path);
      await rm(folder, { recursive: true });
      await symlink(secret, folder);
      await refused(bench, [404, 409, 500], 'GET', path);
    }));
});
