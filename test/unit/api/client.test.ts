import assert from 'node:assert/strict';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { allFiles, type Api } from '../../../src/api/api.js';
import { RemoteApi } from '../../../src/api/client.js';
import { problem } from '../../../src/api/problem.js';
import { serveControl } from '../../../src/api/server.js';
import { DatabaseApi } from '../../../src/api/database-api.js';
import { Records } from '../../../src/record/records.js';
import { stateOf } from '../../../src/record/state.js';
import { FileSyncError } from '../../../src/errors.js';
import { FileState, type FileRecord } from '../../../src/ports.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';

class FullApi extends DatabaseApi {
  override retry(): Promise<never> {
    return Promise.reject(new FileSyncError('no-space', 'the disk is full: free some space on it'));
  }
}

const TARGETS = { ftp: { state: 'pending' } } as const;
const FOUND = fileRecord(1, { targets: TARGETS });
const SKIPPED = fileRecord(2, { device: 'cam', targets: TARGETS, skipped: 'exclude: **/*.ulg' });
const FAILED = fileRecord(3, { targets: TARGETS, givenUp: true, reason: 'the card is broken' });
const OLD = fileRecord(4, { targets: { ftp: { state: 'done' } }, source: { state: 'removed' } });

interface Reached {
  readonly api: RemoteApi;
  readonly socket: string;
  readonly get: (record: FileRecord) => FileRecord | undefined;
}

/** A daemon's socket before a database with a file that is found, one skipped, one failed and one archived. */
async function atDaemon(
  test: (reached: Reached) => Promise<void>,
  Served: typeof DatabaseApi = DatabaseApi,
): Promise<void> {
  const folder = await temporaryFolder();
  const socket = join(folder.path, 'db.sock');
  const store = new MemoryStore([FOUND, SKIPPED, FAILED, OLD]);
  await store.archive([OLD.id]);
  const control = await serveControl(
    socket,
    new Served({ records: new Records(store, systemClock), clock: systemClock, local: '/' }),
  );
  try {
    const api = await RemoteApi.connect(socket);
    assert.ok(api);
    await test({ api, socket, get: ({ id }) => store.get(id) });
  } finally {
    await control[Symbol.asyncDispose]();
    await folder.remove();
  }
}

/** What the socket answers to a body as it is. */
async function answer(
  socketPath: string,
  method: string,
  path: string,
  body = '',
): Promise<[number, string]> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ socketPath, method, path }, resolve).once('error', reject).end(body);
  });
  return [response.statusCode ?? 0, await text(response)];
}

describe('a command at a running daemon', () => {
  it('hears why the daemon could not do it', () =>
    atDaemon(async ({ api }) => {
      const error = await failsWith(() => api.retry({ all: true }));
      assert.match(error.message, /the disk is full/);
    }, FullApi));

  it('is undefined where no daemon listens', async () => {
    const folder = await temporaryFolder();
    assert.equal(await RemoteApi.connect(join(folder.path, 'db.sock')), undefined);
    await folder.remove();
  });

  it('lists files by all filters', () =>
    atDaemon(async ({ api }) => {
      const ids = async (filter: Parameters<RemoteApi['files']>[0]) =>
        (await api.files(filter)).files.map(({ id }) => id).sort();
      assert.deepEqual(await ids({}), [FOUND.id, SKIPPED.id, FAILED.id]);
      assert.deepEqual(await ids({ archive: true }), [FOUND.id, SKIPPED.id, FAILED.id, OLD.id]);
      assert.deepEqual(await ids({ archive: false, device: 'cam' }), [SKIPPED.id]);
      assert.deepEqual(await ids({ archive: true, state: ['REMOVED'] }), [OLD.id]);
    }));

  it('gets the counts by state', () =>
    atDaemon(async ({ api }) => {
      assert.deepEqual((await api.status()).counts, { FOUND: 1, SKIPPED: 1, FAILED: 1 });
    }));

  it('moves files to the front', () =>
    atDaemon(async ({ api, get }) => {
      const { changed, refused } = await api.first({ ids: [FOUND.id, SKIPPED.id] });
      assert.deepEqual(changed, [FOUND.id]);
      assert.deepEqual(refused, [
        { id: SKIPPED.id, reason: 'it is SKIPPED; nothing of it waits in a queue' },
      ]);
      assert.ok((get(FOUND)?.first ?? 0) > 0);
    }));

  it('fetches what is only listed', () =>
    atDaemon(async ({ api, get }) => {
      const { changed, refused } = await api.fetch({ ids: [SKIPPED.id, 'zz'] });
      assert.deepEqual([changed, refused.map(({ id }) => id)], [[SKIPPED.id], ['zz']]);
      assert.equal(get(SKIPPED)?.asked, true);
    }));

  it('retries and forgets', () =>
    atDaemon(async ({ api, get }) => {
      assert.deepEqual(await api.retry({ all: true }), { changed: [FAILED.id], refused: [] });
      const retried = get(FAILED);
      assert.equal(retried && stateOf(retried), FileState.FOUND);
      assert.deepEqual(await api.forget({ ids: [FAILED.id] }), { changed: [FAILED.id], refused: [] });
      assert.equal(get(FAILED), undefined);
    }));

  for (const path of ['/files/retry', '/files/forget', '/files/first', '/files/fetch'])
    it(`is refused at ${path} when it names no list of ids, and nothing is changed`, () =>
      atDaemon(async ({ socket, get }) => {
        for (const body of ['', '"all"', '{}', '[]', '{"ids":[1]}', '{"all":false}', '[']) {
          const [status, said] = await answer(socket, 'POST', path, body);
          assert.equal(status, 400, `${body}: ${said}`);
          assert.equal(problem.parse(JSON.parse(said)).status, 400);
        }
        assert.deepEqual([FOUND, SKIPPED, FAILED].map(get), [FOUND, SKIPPED, FAILED]);
      }));

  it('is refused an unknown request', () =>
    atDaemon(async ({ socket }) => {
      const [status, said] = await answer(socket, 'POST', '/files/retry/all', '{}');
      assert.equal(status, 404);
      assert.deepEqual(JSON.parse(said), {
        ...{ type: 'about:blank', title: 'Not Found', status: 404, detail: 'no /files/retry/all here' },
      });
      assert.equal((await answer(socket, 'POST', '/files/frist', '{}'))[0], 405);
      assert.equal((await answer(socket, 'GET', '/nothing/here'))[0], 404);
    }));
});

const HEAD = 'HTTP/1.1 200 OK\r\nconnection: close\r\n';
const LATE_MS = 200;

/** What a command hears of a process that is no daemon and answers that at the socket; `undefined`: nothing. */
async function heardOf(said: string | undefined): Promise<FileSyncError> {
  const folder = await temporaryFolder();
  const socket = join(folder.path, 'db.sock');
  const connections = new Set<Socket>();
  const server = createServer(connection => {
    connections.add(connection.on('error', () => undefined).resume());
    if (said !== undefined) connection.end(said);
  });
  await new Promise<void>(resolve => server.listen(socket, resolve));
  try {
    return await failsWith(() => RemoteApi.connect(socket, LATE_MS));
  } finally {
    for (const connection of connections) connection.destroy();
    await new Promise(resolve => server.close(resolve));
    await folder.remove();
  }
}

describe('a command at a socket where something else answers', () => {
  const cases: readonly (readonly [string, string | undefined, string, RegExp])[] = [
    ['nothing', undefined, 'timeout', /db\.sock does not answer: it hangs or is stopped; restart it/],
    ['no HTTP', '\u001b[31mgarbage\r\n\r\n', 'io', /another form \(no HTTP\): restart it/],
    ['no JSON', `${HEAD}\r\n<html>`, 'io', /another form \(no JSON\): restart it/],
    ['no status', `${HEAD}\r\n{"version":1}`, 'io', /another form \(version\): restart it/],
    ['a list', `${HEAD}\r\nnull`, 'io', /another form \(no object\): restart it/],
    ['an end', '', 'unavailable', /db\.sock ended before it answered: repeat the command/],
    ['half of it', `${HEAD}content-length: 9\r\n\r\n{`, 'unavailable', /ended before it answered/],
  ];
  for (const [what, said, kind, message] of cases)
    it(`names the remedy: ${what}`, async () => {
      const error = await heardOf(said);
      assert.equal(error.kind, kind);
      assert.match(error.message, message);
    });

  it('lists no page twice', async () => {
    const api = { files: () => Promise.resolve({ files: [], total: 9, cursor: '000000000001.1' }) };
    for await (const file of allFiles(api as unknown as Api, {})) assert.fail(file.id);
  });
});
