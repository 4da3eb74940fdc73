import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { eventually, sample } from '../conformance/support.js';
import { gotify, hang, NoticeReceiver, ntfy, ok } from '../fakes/notice-receiver.js';
import * as schema from '../../src/api/schema.js';
import { systemClock } from '../../src/system/clock.js';
import { filesBelow, folders, put, sync } from './parts.js';
import { Place } from './program.js';

const KEY = 'a key of the receiver';

/** A target that refuses every file for good, and a folder that takes all. */
async function refusing(place: Place) {
  const site = place.use(await NoticeReceiver.start());
  site.answer = (_request, response) => void response.writeHead(400).end('wrong format');
  return { type: 'http', url: `${site.url}/upload` };
}

interface Json {
  readonly event: string;
  readonly count: number;
  readonly text: string;
  readonly events: readonly { readonly kind: string; readonly links?: readonly string[] }[];
}
const bodies = ({ received }: NoticeReceiver) => received.map(({ body }) => JSON.parse(body) as Json);

const statusOf = async (place: Place, config: string) => {
  const { stdout } = await place.run(['status', '-c', config, '--json']);
  return schema.status.parse(JSON.parse(stdout));
};

describe('notifications', function () {
  this.timeout(180_000);

  it('one message for many files that a target refuses, signed, and none when nothing happens', () =>
    Place.with(async place => {
      const receiver = place.use(await NoticeReceiver.start());
      for (let number = 0; number < 30; number++)
        await put(place.path(`inbox/${number}.bin`), sample(100, number));
      const notify = [{ on: ['failed', 'flight', 'idle'], url: receiver.url, secret: { env: 'NOTIFY_KEY' } }];
      const devices = { site: await refusing(place) };
      const config = await place.configure(folders({ rule: { to: ['site'] }, devices, top: { notify } }));
      const env = { NOTIFY_KEY: KEY };
      await sync(place, config, { code: 1, env });
      const [request, ...others] = receiver.received;
      assert.deepEqual(others, []);
      const hash = createHmac('sha256', KEY)
        .update(request?.body ?? '')
        .digest('hex');
      assert.equal(request?.headers['x-signature-256'], `sha256=${hash}`);
      const [message] = bodies(receiver);
      assert.deepEqual([message?.event, message?.count], ['failed', 30]);
      assert.match(
        message?.text ?? '',
        /^30 files of inbox FAILED: .*, and 25 more\. Why: site: .*wrong format/,
      );
      await sync(place, config, { code: 1, env });
      assert.equal(receiver.received.length, 1);
    }));

  it('a flight with its links, and that everything is delivered, once', () =>
    Place.with(async place => {
      const receiver = place.use(await NoticeReceiver.start());
      const notify = [{ on: ['flight', 'failed', 'offline', 'idle'], url: receiver.url }];
      const config = await place.configure(folders({ top: { notify } }));
      for (const name of ['a', 'b']) await put(place.path(`inbox/${name}.bin`), sample(100));
      await sync(place, config);
      const [message, ...others] = bodies(receiver);
      assert.deepEqual(others, []);
      assert.equal(message?.event, 'flight,idle');
      assert.equal(message?.events[0]?.links?.length, 2);
      assert.match(message?.text ?? '', /^2 files of inbox delivered, 200 B: outbox:.*a\.bin/m);
      for (let pass = 0; pass < 2; pass++) await sync(place, config);
      assert.equal(receiver.received.length, 1);
      await put(place.path('inbox/c.bin'), sample(100, 3));
      await sync(place, config);
      assert.equal(bodies(receiver).at(-1)?.count, 1);
      assert.equal(receiver.received.length, 2);
    }));

  it('a receiver that is busy at first gets its message in the same pass', () =>
    Place.with(async place => {
      const receiver = place.use(await NoticeReceiver.start());
      receiver.answer = (request, response) =>
        receiver.received.length < 3 ? void response.writeHead(503).end() : ok(request, response);
      const notify = [{ on: ['idle'], url: receiver.url, body: '{id}' }];
      const config = await place.configure(folders({ top: { notify } }));
      await put(place.path('inbox/a.bin'), sample(100));
      const said = await sync(place, config);
      assert.match(said, /notify\[0\] \(127\.0\.0\.1:\d+\): a message was not delivered: .* 503 .*retried/);
      assert.equal(receiver.received.length, 3);
      assert.equal(new Set(receiver.received.map(({ body }) => body)).size, 1);
      assert.deepEqual((await statusOf(place, config)).notifications, []);
    }));

  it('a receiver that is down is shown by status, and told by the next pass', () =>
    Place.with(async place => {
      const down = await NoticeReceiver.start();
      const { port } = down;
      await down.close();
      const notify = [{ on: ['flight'], url: { env: 'HOOK' } }];
      const config = await place.configure(folders({ top: { notify } }));
      const env = { HOOK: `http://127.0.0.1:${port}/hidden-topic` };
      await put(place.path('inbox/a.bin'), sample(100));
      const said = await sync(place, config, { env });
      assert.deepEqual(await filesBelow(place.path('outbox')), ['a.bin']);
      const [problem] = (await statusOf(place, config)).notifications;
      assert.equal(problem?.to, 'notify[0] (url from a secret)');
      assert.match(problem?.reason ?? '', /refuses connections/);
      const text = (await place.run(['status', '-c', config])).stdout;
      assert.match(text, /^notifications:\n {2}notify\[0\].*failing since \d\d:\d\d.*refuses connections/m);
      const receiver = place.use(await NoticeReceiver.start(ok, port));
      await sync(place, config, { env });
      assert.deepEqual(
        bodies(receiver).map(({ event, count }) => [event, count]),
        [['flight', 1]],
      );
      assert.deepEqual((await statusOf(place, config)).notifications, []);
      const database = await readFile(place.path('data/filesync.json'), 'utf8');
      for (const written of [said, text, database]) assert.doesNotMatch(written, /hidden-topic/);
    }));

  it('a receiver that hangs delays no delivery of a daemon, and what was told is not repeated after a restart', () =>
    Place.with(async place => {
      const [hanging, other] = [
        place.use(await NoticeReceiver.start(hang)),
        place.use(await NoticeReceiver.start()),
      ];
      const notify = [
        { on: ['flight'], url: hanging.url },
        { on: ['flight'], url: other.url },
      ];
      const config = await place.configure(folders({ top: { notify, interval: '200ms' } }));
      await put(place.path('inbox/a.bin'), sample(100));
      const daemon = place.start(['run', '-c', config]);
      // What happens within a minute is one message: neither receiver gets one before that.
      while (hanging.received.length === 0 || other.received.length === 0)
        await Promise.race([systemClock.sleep(100), daemon.ended.then(({ stderr }) => assert.fail(stderr))]);
      await put(place.path('inbox/b.bin'), sample(100, 2));
      await eventually(async () => (await filesBelow(place.path('outbox'))).length === 2);
      assert.equal(hanging.received.length, 1);
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
      await rm(place.path('inbox'), { recursive: true });
      await put(place.path('inbox/c.bin'), sample(100, 3));
      await sync(place, config);
      const [first, second, ...more] = bodies(other);
      assert.deepEqual([first?.count, second?.count, more.length], [1, 2, 0]);
      assert.match(second?.text ?? '', /b\.bin.*c\.bin|c\.bin.*b\.bin/);
    }));

  it('a program reads JSON from its standard input', () =>
    Place.with(async place => {
      await writeFile(place.path('tell.sh'), '#!/bin/sh\ncat >> told.jsonl\n', { mode: 0o755 });
      const notify = [{ on: ['idle'], command: ['./tell.sh'] }];
      const config = await place.configure(folders({ top: { notify } }));
      await put(place.path('inbox/a.bin'), sample(100));
      await sync(place, config);
      const [line, ...others] = (await readFile(place.path('told.jsonl'), 'utf8')).trim().split('\n');
      assert.deepEqual(others, []);
      assert.equal((JSON.parse(line ?? '') as Json).event, 'idle');
    }));

  it('space on the disk, when nothing can be fetched', () =>
    Place.with(async place => {
      const receiver = place.use(await NoticeReceiver.start());
      const notify = [{ on: ['space'], after: 0, url: receiver.url, body: '{event} {text}' }];
      const config = await place.configure(folders({ top: { notify, min_free: '99.99%' } }));
      await put(place.path('inbox/a.bin'), sample(100));
      for (let pass = 0; pass < 2; pass++) await sync(place, config, { code: 1 });
      assert.equal(receiver.received.length, 1);
      assert.match(receiver.received[0]?.body ?? '', /^space The disk has 0 B free above min_free/);
    }));
});

describe('filesync notify --test', function () {
  this.timeout(60_000);

  it('tries every receiver, prints a line for each, and fails if one does', () =>
    Place.with(async place => {
      const [topics, server] = [
        place.use(await NoticeReceiver.start(ntfy('tk_right'))),
        place.use(await NoticeReceiver.start(gotify('AN.right'))),
      ];
      const headers = { Authorization: { env: 'NTFY' } };
      const notify = [
        { on: ['failed'], url: `${topics.url}/drone`, headers, body: '{text}' },
        {
          ...{ on: ['failed'], url: `${server.url}/message`, headers: { 'X-Gotify-Key': { env: 'GOTIFY' } } },
          body: '{"title":"{title}","message":"{text}"}',
        },
        { on: ['idle'], command: ['cat'] },
      ];
      const config = await place.configure(folders({ top: { notify } }));
      const test = (gotifyToken: string, ...options: string[]) =>
        place.run(['notify', '--test', '-c', config, ...options], {
          NTFY: 'Bearer tk_right',
          GOTIFY: gotifyToken,
        });
      const good = await test('AN.right');
      assert.equal(good.code, 0, good.stderr);
      const lines = good.stdout.trim().split('\n');
      assert.match(lines[0] ?? '', /^ok +notify\[0\] \(127\.0\.0\.1:\d+\) +200 /);
      assert.match(lines[2] ?? '', /^ok +notify\[2\] \(cat\) +exit code 0 /);
      assert.match(topics.received[0]?.body ?? '', /^This is a test message/);
      const bad = await test('AN.wrong', '--json');
      assert.equal(bad.code, 1);
      assert.deepEqual(
        (JSON.parse(bad.stdout) as { ok: boolean }[]).map(({ ok: isOk }) => isOk),
        [true, false, true],
      );
      assert.doesNotMatch(bad.stdout + bad.stderr, /AN\.wrong/);
    }));

  it('says what is missing', () =>
    Place.with(async place => {
      const config = await place.configure(folders());
      const { code, stderr } = await place.run(['notify', '--test', '-c', config]);
      assert.equal(code, 2);
      assert.match(stderr, /names no receiver: add the key notify/);
      assert.equal((await place.run(['notify', '-c', config])).code, 2);
    }));
});
