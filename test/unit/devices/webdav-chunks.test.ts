import assert from 'node:assert/strict';
import { WebClient } from '../../../src/devices/web-client/client.js';
import { toDavError as toError } from '../../../src/devices/webdav/errors.js';
import { DavTarget } from '../../../src/devices/webdav/target.js';
import { FileSyncError } from '../../../src/errors.js';
import { failsWith, sample } from '../../conformance/support.js';
import { deviceContext } from '../../fakes/device-context.js';
import { FILES, nextcloud, UPLOADS, type NextcloudOptions } from '../../servers/nextcloud.js';
import { chunks, Events, never, outgoing } from '../../servers/outgoing.js';
import type { ScriptedDav } from '../../servers/scripted-dav.js';

const CHUNK = 50_000;
const BYTES = sample(4 * CHUNK + 1234);
const NAME = 'sess001/log 1.ulg';
const TOKEN = '0123456789abcdef';

const targetOn = (server: ScriptedDav): DavTarget => {
  const site = { url: new URL(server.url), timeout: 10_000, login: () => undefined, tls: {}, toError };
  return new DavTarget(new WebClient(site, deviceContext({ name: 'cloud' })), 'cloud', CHUNK);
};

async function onServer(
  options: NextcloudOptions,
  work: (target: DavTarget, server: ScriptedDav) => Promise<void>,
): Promise<void> {
  const server = await nextcloud(options);
  const target = targetOn(server);
  try {
    await work(target, server);
  } finally {
    await target.close();
    server.close();
  }
}

/** Breaks after `after` bytes. */
const cutAt = (after: number) =>
  async function* (offset: number) {
    for await (const chunk of chunks(BYTES.slice(0, after), offset)) yield chunk;
    throw new FileSyncError('changed', 'the source is gone');
  };

const send = (target: DavTarget, offset = 0, over: Parameters<typeof outgoing>[1] = {}) =>
  target.write(outgoing(BYTES, { token: TOKEN, ...over }), NAME, offset, never, new Events());

const puts = ({ log }: ScriptedDav): string[] =>
  log.filter(line => line.startsWith(`PUT ${UPLOADS}/`)).map(line => line.replace(/^.*\/(\d+) -> /, '$1 '));

const isWhole = ({ files }: ScriptedDav): void => {
  assert.deepEqual([...files.keys()], [`${FILES}/${NAME}`]);
  assert.ok(files.get(`${FILES}/${NAME}`)?.equals(BYTES));
};

describe('chunked uploads of Nextcloud', () => {
  it('pass a proxy that limits a request, and leave nothing but the file', () =>
    onServer({ maxBody: CHUNK }, async (target, server) => {
      const receipt = await send(target);
      assert.equal(receipt.verified, 'size');
      isWhole(server);
      assert.deepEqual(puts(server), ['00001 201', '00002 201', '00003 201', '00004 201', '00005 201']);
      assert.deepEqual(
        [...server.folders].filter(folder => folder.startsWith(`${UPLOADS}/`)),
        [],
      );
    }));

  it('are left to larger files', () =>
    onServer({}, async (target, server) => {
      const small = BYTES.slice(0, CHUNK);
      await target.write(outgoing(small), 'small.ulg', 0, never, new Events());
      assert.deepEqual(puts(server), []);
      assert.ok(server.files.get(`${FILES}/small.ulg`)?.equals(small));
    }));

  it('go on, in another process, behind the chunks that the server has', () =>
    onServer({}, async (target, server) => {
      await failsWith(() => send(target, 0, { open: cutAt(2.5 * CHUNK) }), 'changed');
      const other = targetOn(server);
      assert.deepEqual(await other.stat(NAME, TOKEN, never), { partial: 2 * CHUNK });
      assert.deepEqual(await other.stat(NAME, 'fedcba9876543210', never), { partial: 0 });
      assert.deepEqual(await other.stat('other.ulg', TOKEN, never), { partial: 0 });
      const opened: number[] = [];
      const open = (offset: number) => (opened.push(offset), chunks(BYTES, offset));
      server.log.length = 0;
      await send(other, 2 * CHUNK, { open });
      await other.close();
      assert.deepEqual(opened, [2 * CHUNK]);
      assert.deepEqual(puts(server), ['00003 201', '00004 201', '00005 201']);
      isWhole(server);
    }));

  it('that begin again drop the chunks of before', () =>
    onServer({}, async (target, server) => {
      await failsWith(() => send(target, 0, { open: cutAt(2.5 * CHUNK) }), 'changed');
      await send(target);
      isWhole(server);
    }));

  it('do not go on where the server has something else', () =>
    onServer({}, async (target, server) => {
      await failsWith(() => send(target, 0, { open: cutAt(2.5 * CHUNK) }), 'changed');
      const error = await failsWith(() => send(target, 3 * CHUNK), 'changed');
      assert.match(error.message, /100000 bytes of the partial upload in chunks, not 150000/);
      assert.deepEqual(await target.stat(NAME, TOKEN, never), { partial: 0 });
      await send(target);
      isWhole(server);
    }));

  it('are assembled again when that was interrupted, before or after the server had done it', () =>
    onServer({}, async (target, server) => {
      let answers = [504];
      const failing = await nextcloud({
        refuse: ({ method }) => (method === 'MOVE' ? answers.shift() : undefined),
      });
      const other = targetOn(failing);
      await failsWith(() => send(other), 'busy');
      assert.deepEqual(await other.stat(NAME, TOKEN, never), { partial: BYTES.length });
      failing.log.length = 0;
      await send(other, BYTES.length);
      assert.deepEqual(puts(failing), []);
      isWhole(failing);
      await other.close();
      failing.close();

      await send(target, 0, {});
      // The answer to the last MOVE is lost: the assembled file has its temporary name.
      answers = [];
      const whole = server.files.get(`${FILES}/${NAME}`) ?? Buffer.alloc(0);
      server.files.delete(`${FILES}/${NAME}`);
      server.files.set(`${FILES}/${NAME}.${TOKEN}.filesync`, whole);
      assert.deepEqual(await target.stat(NAME, TOKEN, never), { partial: BYTES.length });
      await send(target, BYTES.length);
      isWhole(server);
    }));

  it('never replace a file', () =>
    onServer({}, async (target, server) => {
      await target.write(outgoing(sample(10)), NAME, 0, never, new Events());
      await failsWith(() => send(target), 'exists');
      assert.equal(server.files.get(`${FILES}/${NAME}`)?.length, 10);
      assert.deepEqual(puts(server), []);
    }));

  it('that do not sum up are dropped and sent again', () =>
    onServer({}, async (target, server) => {
      await failsWith(() => send(target, 0, { open: cutAt(2.5 * CHUNK) }), 'changed');
      const [chunk = ''] = [...server.files.keys()].filter(path => path.endsWith('/00001'));
      server.files.set(chunk.replace('00001', '00009'), Buffer.from('of nobody'));
      await failsWith(() => send(target, 2 * CHUNK), 'protocol');
      assert.deepEqual(await target.stat(NAME, TOKEN, never), { partial: 0 });
      await send(target);
      isWhole(server);
    }));

  it('are not used on a server that has none', () =>
    onServer({ withoutChunks: true }, async (target, server) => {
      await send(target);
      await target.write(outgoing(BYTES), 'second.ulg', 0, never, new Events());
      assert.equal(server.log.filter(line => line.startsWith('MKCOL /remote.php/dav/uploads')).length, 1);
      assert.ok(server.files.get(`${FILES}/second.ulg`)?.equals(BYTES));
    }));
});
