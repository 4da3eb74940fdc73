import assert from 'node:assert/strict';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { RemoteAdmin } from '../../../src/api/client.js';
import { serveControl } from '../../../src/api/server.js';
import { StoreAdmin } from '../../../src/api/store-admin.js';
import { Records } from '../../../src/record/records.js';
import { stateOf } from '../../../src/record/state.js';
import { FileSyncError } from '../../../src/errors.js';
import { FileState, type FileRecord } from '../../../src/ports.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';

class FullAdmin extends StoreAdmin {
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
  readonly admin: RemoteAdmin;
  readonly socket: string;
  readonly get: (record: FileRecord) => FileRecord | undefined;
}

/** A daemon's socket before a database with a file that is found, one skipped, one failed and one archived. */
async function atDaemon(
  test: (reached: Reached) => Promise<void>,
  Served: typeof StoreAdmin = StoreAdmin,
): Promise<void> {
  const folder = await temporaryFolder();
  const socket = join(folder.path, 'db.sock');
  const store = new MemoryStore([FOUND, SKIPPED, FAILED, OLD]);
  await store.archive([OLD.id]);
  const control = await serveControl(socket, new Served(new Records(store, systemClock)));
  try {
    const admin = await RemoteAdmin.connect(socket);
    assert.ok(admin);
    await test({ admin, socket, get: ({ id }) => store.get(id) });
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
    atDaemon(async ({ admin }) => {
      const error = await failsWith(() => admin.retry('failed'));
      assert.match(error.message, /the disk is full/);
    }, FullAdmin));

  it('is undefined where no daemon listens', async () => {
    const folder = await temporaryFolder();
    assert.equal(await RemoteAdmin.connect(join(folder.path, 'db.sock')), undefined);
    await folder.remove();
  });

  it('lists files by all filters', () =>
    atDaemon(async ({ admin }) => {
      const ids = async (filter: Parameters<RemoteAdmin['files']>[0]) =>
        (await admin.files(filter)).map(({ id }) => id).sort();
      assert.deepEqual(await ids({}), [FOUND.id, SKIPPED.id, FAILED.id]);
      assert.deepEqual(await ids({ all: true }), [FOUND.id, SKIPPED.id, FAILED.id, OLD.id]);
      assert.deepEqual(await ids({ all: false, device: 'cam' }), [SKIPPED.id]);
      assert.deepEqual(await ids({ all: true, state: FileState.REMOVED }), [OLD.id]);
    }));

  it('gets the counts by state', () =>
    atDaemon(async ({ admin }) => {
      assert.deepEqual((await admin.status()).counts, { FOUND: 1, SKIPPED: 1, FAILED: 1 });
    }));

  it('moves files to the front', () =>
    atDaemon(async ({ admin, get }) => {
      const { changed, refused } = await admin.first([FOUND.id, SKIPPED.id]);
      assert.deepEqual(changed, [FOUND.id]);
      assert.deepEqual(refused, [
        { id: SKIPPED.id, reason: 'it is SKIPPED; nothing of it waits in a queue' },
      ]);
      assert.ok((get(FOUND)?.first ?? 0) > 0);
    }));

  it('fetches what is only listed', () =>
    atDaemon(async ({ admin, get }) => {
      const { changed, refused } = await admin.fetch([SKIPPED.id, 'zz']);
      assert.deepEqual([changed, refused.map(({ id }) => id)], [[SKIPPED.id], ['zz']]);
      assert.equal(get(SKIPPED)?.asked, true);
    }));

  it('retries and forgets', () =>
    atDaemon(async ({ admin, get }) => {
      assert.deepEqual(await admin.retry('failed'), { changed: [FAILED.id], refused: [] });
      const retried = get(FAILED);
      assert.equal(retried && stateOf(retried), FileState.FOUND);
      assert.deepEqual(await admin.forget([FAILED.id]), { changed: [FAILED.id], refused: [] });
      assert.equal(get(FAILED), undefined);
    }));

  for (const path of ['/retry', '/forget', '/first', '/fetch'])
    it(`is refused at ${path} when it names no list of ids, and nothing is changed`, () =>
      atDaemon(async ({ socket, get }) => {
        for (const body of ['', '"all"', '{}', '[1]', '[']) {
          const [status, said] = await answer(socket, 'POST', path, body);
          assert.equal(status, 400, `${body}: ${said}`);
          assert.equal(typeof (JSON.parse(said) as { message: unknown }).message, 'string');
        }
        assert.deepEqual([FOUND, SKIPPED, FAILED].map(get), [FOUND, SKIPPED, FAILED]);
      }));

  it('is refused an unknown request', () =>
    atDaemon(async ({ socket }) => {
      assert.deepEqual(await answer(socket, 'POST', '/frist', '[]'), [
        404,
        '{"message":"no POST /frist here"}',
      ]);
      assert.equal((await answer(socket, 'GET', '/first'))[0], 404);
    }));
});
