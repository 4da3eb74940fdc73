import assert from 'node:assert/strict';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { Upload } from 'tus-js-client';
import { tus } from '../../src/devices/tus.js';
import { FileSyncError } from '../../src/errors.js';
import type { Target } from '../../src/ports.js';
import { makeTarget } from '../servers/device.js';
import { chunks, Events, never, outgoing } from '../servers/outgoing.js';
import { startTusServer, type TusServer, type TusServerOptions } from '../servers/tus-server.js';
import { checksumOf, eventually, failsWith, sample } from './support.js';

const TOKEN = '0123456789abcdef';
const PATH = 'sess001/log001.ulg';
const BYTES = sample(300_000);

const whole = (bytes = BYTES) => outgoing(bytes, { token: TOKEN });

/** Breaks in the middle. */
const cut = () =>
  outgoing(BYTES, {
    token: TOKEN,
    async *open(offset) {
      yield* chunks(BYTES.subarray(0, 150_000), offset);
      throw new FileSyncError('changed', 'the source let go');
    },
  });

async function withServer(
  options: TusServerOptions,
  run: (server: TusServer) => Promise<void>,
): Promise<void> {
  const server = await startTusServer(options);
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

/** What a run of the program has: what it records is there for the next one. */
async function withRun<Result>(
  server: TusServer,
  run: (target: Target) => Promise<Result>,
  more: object = {},
): Promise<Result> {
  const target = await makeTarget(tus, { url: server.url, ...more }, { local: join(server.home, 'local') });
  try {
    return await run(target);
  } finally {
    await target.close();
  }
}

const listOf = (server: TusServer) => join(server.home, 'local', '.tus', 'device');

async function addressOf(server: TusServer): Promise<string> {
  const [known] = JSON.parse(await readFile(listOf(server), 'utf8')) as { url: string }[];
  return known?.url ?? '';
}

/** Breaks uploads until the server holds a part (a reset connection may take the first bytes with it). */
async function partIn(server: TusServer): Promise<number> {
  let partial = 0;
  await eventually(async () => {
    await withRun(server, async target => {
      await failsWith(() => target.write(cut(), PATH, 0, never, new Events()), 'changed');
      ({ partial } = await target.stat(PATH, TOKEN, never));
    });
    return partial > 0;
  });
  await eventually(async () => {
    const before = partial;
    ({ partial } = await withRun(server, target => target.stat(PATH, TOKEN, never)));
    return partial === before;
  });
  return partial;
}

/** How many requests of that method there were. */
const count = ({ requests }: TusServer, method: string) =>
  requests.filter(each => each.startsWith(method)).length;

describe('tus', () => {
  it('another run of the program resumes an upload, and it is reported as whole once', () =>
    withServer({}, async server => {
      const partial = await partIn(server);
      const events = new Events();
      const { location, verified } = await withRun(server, target =>
        target.write(whole(), PATH, partial, never, events),
      );
      assert.equal(verified, 'size');
      assert.equal(location, await addressOf(server));
      assert.equal(events.commits, 1);
      const [upload, ...others] = await server.uploads();
      assert.deepEqual(others, []);
      assert.ok(upload?.bytes.equals(BYTES));
      assert.deepEqual(server.finished, [PATH]);
    }));

  it('the metadata has the name, the path, the SHA-256 and what the device adds', () =>
    withServer({}, async server => {
      const more = { metadata: { note: '{description}' }, headers: { 'X-Token': 'secret' } };
      await withRun(server, target => target.write(whole(), PATH, 0, never, new Events()), more);
      const [{ metadata } = { metadata: {} }] = await server.uploads();
      const { value: sha256 } = checksumOf('sha256', BYTES);
      assert.deepEqual(metadata, { filename: 'log001.ulg', path: PATH, sha256, note: 'a flight' });
    }));

  it('the address is recorded before the first byte is sent, for its user alone', () => {
    let patches = 0;
    const instead: TusServerOptions['instead'] = ({ method }) =>
      method === 'PATCH' && patches++ === 0 ? 'reset' : undefined;
    return withServer({ instead }, async server => {
      await withRun(server, target =>
        failsWith(() => target.write(whole(), PATH, 0, never, new Events()), 'unavailable'),
      );
      assert.match(await addressOf(server), /^http:\/\/127\.0\.0\.1:\d+\/files\/\S+/);
      assert.equal((await stat(listOf(server))).mode & 0o777, 0o600);
    });
  });

  it('a file whose last answer was lost is recognised, and gets no empty PATCH', () => {
    const instead: TusServerOptions['instead'] = ({ method }) => (method === 'PATCH' ? 'lose' : undefined);
    return withServer({ instead }, async server => {
      const events = new Events();
      await withRun(server, target =>
        failsWith(() => target.write(whole(), PATH, 0, never, events), 'unavailable'),
      );
      assert.equal(events.commits, 1);
      await eventually(async () => server.finished.length > 0);
      const found = await withRun(server, target => target.stat(PATH, TOKEN, never));
      assert.deepEqual(found, { size: BYTES.length, partial: 0 });
      await withRun(server, target =>
        failsWith(() => target.write(whole(), PATH, 0, never, new Events()), 'exists'),
      );
      assert.equal(count(server, 'PATCH'), 1);
      assert.deepEqual(server.finished, [PATH]);
    });
  });

  it('an upload whose address was lost stays behind, and the file arrives once', () => {
    let posts = 0;
    const instead: TusServerOptions['instead'] = ({ method }) =>
      method === 'POST' && posts++ === 0 ? 'lose' : undefined;
    return withServer({ instead }, async server => {
      const write = (target: Target) => target.write(whole(), PATH, 0, never, new Events());
      await withRun(server, target => failsWith(() => write(target), 'unavailable'));
      await withRun(server, write);
      const sizes = (await server.uploads()).map(({ bytes }) => bytes.length).sort((a, b) => a - b);
      assert.deepEqual(sizes, [0, BYTES.length]);
      assert.deepEqual(server.finished, [PATH]);
    });
  });

  it('an upload that the server does not know any more is sent from the start', () =>
    withServer({}, async server => {
      await partIn(server);
      await rm(join(server.home, 'files'), { recursive: true });
      await withRun(server, async target => {
        assert.deepEqual(await target.stat(PATH, TOKEN, never), { partial: 0 });
      });
    }));

  it('so is one that has expired, and one at which the server has another part', async () => {
    for (const [status, method] of [
      [410, 'HEAD'],
      [410, 'PATCH'],
      [404, 'PATCH'],
      [409, 'PATCH'],
    ] as const) {
      let isOver = false;
      const instead: TusServerOptions['instead'] = request =>
        isOver && request.method === method ? status : undefined;
      await withServer({ instead }, async server => {
        const partial = await partIn(server);
        isOver = true;
        const write = () =>
          withRun(server, target => target.write(whole(), PATH, partial, never, new Events()));
        const error = await failsWith(write, 'changed');
        assert.equal(error.temporary, true);
      });
    }
  });

  it('a list of uploads that is damaged is as good as none', () =>
    withServer({}, async server => {
      await partIn(server);
      await writeFile(listOf(server), '[{"path":');
      await withRun(server, async target => {
        assert.deepEqual(await target.stat(PATH, TOKEN, never), { partial: 0 });
        await target.write(whole(), PATH, 0, never, new Events());
      });
    }));

  it('an independent client goes on with an upload of ours', () =>
    withServer({}, async server => {
      await partIn(server);
      const uploadUrl = await addressOf(server);
      await new Promise<void>((resolve, reject) => {
        new Upload(Buffer.from(BYTES), { uploadUrl, onSuccess: () => resolve(), onError: reject }).start();
      });
      const [upload] = await server.uploads();
      assert.ok(upload?.bytes.equals(BYTES));
      const found = await withRun(server, target => target.stat(PATH, TOKEN, never));
      assert.equal(found.size, BYTES.length);
    }));

  it('addresses behind a proxy that ends TLS are those of the server; other hosts are told nothing', async () => {
    const behind: TusServerOptions = {
      generateUrl: (_request, { path, id }) => `https://127.0.0.1${path}/${id}`,
    };
    await withServer(behind, async server => {
      await withRun(server, target => target.write(whole(), PATH, 0, never, new Events()));
    });
    const elsewhere: TusServerOptions = {
      generateUrl: (_request, { path, id }) => `http://other.test${path}/${id}`,
    };
    await withServer(elsewhere, async server => {
      const error = await withRun(server, target =>
        failsWith(() => target.write(whole(), PATH, 0, never, new Events()), 'protocol'),
      );
      assert.match(error.message, /created an upload at other\.test: let it name its own public address/);
    });
  });

  it('says what to do about an address without tus, a login and a limit', async () => {
    await withServer({ maxSize: 1000 }, async server => {
      await withRun(server, async target => {
        const error = await failsWith(() => target.write(whole(), PATH, 0, never, new Events()), 'too-large');
        assert.match(error.message, /does not take a file of that size: raise the limit there/);
      });
    });
    const reasonOf = (status: number) =>
      new Promise<string>((resolve, reject) => {
        withServer({ instead: () => status }, server =>
          withRun(server, async target => resolve((await firstValueFrom(target.availability)).reason)),
        ).catch(reject);
      });
    assert.match(await reasonOf(404), /has no tus server there: check url/);
    assert.match(await reasonOf(401), /refused the login: check user and password, or headers/);
    assert.match(await reasonOf(200), /does not speak tus there: check url/);
  });
});
