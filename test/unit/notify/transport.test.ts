import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NotifyConfig } from '../../../src/config/notify.js';
import { makeMessage } from '../../../src/notify/message.js';
import { transportOf } from '../../../src/notify/transport.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { gotify, NoticeReceiver, ntfy, type Answering } from '../../fakes/notice-receiver.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

const TOKEN = 'tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2';
const CONTEXT = { id: 'id-1', hostname: 'pi', now: 0, up: 0, dropped: 0 };
const MESSAGE = makeMessage([{ kind: 'idle', files: 2, bytes: 2000 }], CONTEXT);
const { signal } = new AbortController();

describe('the way of a message', () => {
  let folder: string;
  let remove: () => Promise<void>;
  let receiver: NoticeReceiver;
  let logger: RecordingLogger;

  beforeEach(async () => {
    ({ path: folder, remove } = await temporaryFolder());
    receiver = await NoticeReceiver.start();
    logger = new RecordingLogger();
  });
  afterEach(async () => {
    await receiver.close();
    await remove();
  });

  const env = { TOKEN, PATH: process.env['PATH'], HOOK: '' };
  function send(entry: Partial<NotifyConfig>, answer?: Answering, message = MESSAGE) {
    if (answer) receiver.answer = answer;
    const all = { name: 'notify[0]', on: [], method: 'POST' as const, headers: {}, body: '{json}', ...entry };
    return transportOf(all, { env, folder, clock: systemClock, logger }).send(message, signal);
  }

  describe('to ntfy', () => {
    const headers = { Authorization: { file: 'token' }, Title: 'FileSync' };
    beforeEach(() => writeFile(join(folder, 'token'), `Bearer ${TOKEN}\n`));

    it('is a plain text for a topic', async () => {
      const answer = await send({ url: `${receiver.url}/drone`, headers, body: '{text}' }, ntfy(TOKEN));
      assert.match(answer, /^200 .*"topic":"drone"/);
      const [request] = receiver.received;
      assert.deepEqual([request?.method, request?.body], ['POST', MESSAGE.values.text]);
      assert.equal(request?.headers['content-type'], 'text/plain; charset=utf-8');
      assert.equal(request?.headers['title'], 'FileSync');
    });

    it('is JSON with the topic', async () => {
      const body = '{"topic":"drone","title":"{title}","message":"{text}","tags":["{event}"]}';
      await send({ url: `${receiver.url}/`, headers, body }, ntfy(TOKEN));
      const { title, text: message } = MESSAGE.values;
      assert.deepEqual(JSON.parse(receiver.received[0]?.body ?? ''), {
        ...{ topic: 'drone', title, message, tags: ['idle'] },
      });
    });

    it('says what is wrong with a token, without it', async () => {
      const wrong = { ...headers, Authorization: 'Bearer tk_wrong-and-secret' };
      const sent = send({ url: `${receiver.url}/drone`, headers: wrong }, ntfy(TOKEN));
      const { message } = await failsWith(() => sent, 'denied');
      assert.match(message, /refused the login: check the token in headers or url.*: 401 ".*unauthorized/);
      assert.doesNotMatch(message, /tk_/);
    });

    it('is to be sent again after the pause that it asks for', async () => {
      const sent = send({ url: `${receiver.url}/drone`, headers }, ntfy(TOKEN, 1));
      const error = await failsWith(() => sent, 'busy');
      assert.equal(error.retryAfterMs, 2000);
      assert.ok(error.temporary);
    });
  });

  describe('to Gotify', () => {
    const body = '{"title":"{title}","message":"{text}","priority":5}';

    it('is JSON with the token in a header', async () => {
      const headers = { 'X-Gotify-Key': { env: 'TOKEN' } };
      assert.match(
        await send({ url: `${receiver.url}/message`, headers, body }, gotify(TOKEN)),
        /^200 .*"appid":5/,
      );
      assert.equal(receiver.received[0]?.headers['content-type'], 'application/json');
    });

    it('says what is wrong, and does not repeat a token of the address, in log or message', async () => {
      const url = `${receiver.url}/message?token=AN.6d3HR2QJD6mq`;
      const { message } = await failsWith(() => send({ url, body }, gotify(TOKEN)), 'denied');
      assert.match(message, /401 ".*valid access token/);
      const { message: noMessage } = await failsWith(
        () => send({ url: `${receiver.url}/message?token=${TOKEN}`, body: '{json}' }, gotify(TOKEN)),
        'rejected',
      );
      assert.match(noMessage, /refused the message: check body and headers: 400 ".*'message' is required/);
      for (const text of [message, noMessage, ...logger.messages()]) assert.doesNotMatch(text, /AN\.6d3|tk_/);
    });
  });

  it('may be an address that is a secret, with the number of the message', async () => {
    await writeFile(join(folder, 'hook'), `${receiver.url}/services/T000/B000/XXXXXXXX/{id}\n`);
    receiver.answer = ({ path }, response) => void response.writeHead(400).end(`no ${path}`);
    const sent = send({ url: { file: 'hook' }, method: 'PUT', body: '{"text":"{text}"}' });
    const { message } = await failsWith(() => sent, 'rejected');
    assert.deepEqual(
      receiver.received.map(({ method, path }) => [method, path]),
      [['PUT', '/services/T000/B000/XXXXXXXX/id-1']],
    );
    for (const text of [message, ...logger.messages()]) assert.doesNotMatch(text, /XXXXXXXX/);
    await writeFile(join(folder, 'hook'), 'ftp://u:hunter2@h/');
    const { message: wrong } = await failsWith(() => send({ url: { file: 'hook' } }), 'config');
    assert.match(wrong, /^notify\[0\]\.url: the secret is no web address: write/);
    assert.doesNotMatch(wrong, /hunter2/);
  });

  it('is escaped in a form, so that no name of a file adds a field', async () => {
    const links = ['nas:/a&chat_id=2+1%.jpg\ud800'];
    const flight = {
      kind: 'flight',
      device: 'cam',
      files: 1,
      bytes: 1,
      failed: 0,
      flights: [],
      links,
      delivered_at: 0,
    } as const;
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const body = 'chat_id=1&text={text}';
    await send({ url: `${receiver.url}/`, headers, body }, undefined, makeMessage([flight], CONTEXT));
    assert.deepEqual(
      [...new URLSearchParams(receiver.received[0]?.body)],
      [
        ['chat_id', '1'],
        ['text', '1 file of cam delivered, 1 B: nas:/a&chat_id=2+1%.jpg\ufffd'],
      ],
    );
  });

  it('is signed as GitHub signs: HMAC-SHA256 of the very bytes', async () => {
    await send({ url: receiver.url, secret: { env: 'TOKEN' }, body: ' {"text":"{text} é"} \n' });
    const [request] = receiver.received;
    const expected = createHmac('sha256', TOKEN)
      .update(request?.body ?? '')
      .digest('hex');
    assert.equal(request?.headers['x-signature-256'], `sha256=${expected}`);
    assert.equal(request?.body, ` {"text":"${MESSAGE.values.text} é"} \n`);
  });

  it('follows no redirect, which could lead its headers anywhere', async () => {
    receiver.answer = (_request, response) =>
      void response.writeHead(307, { Location: 'http://127.0.0.1:1/' }).end();
    await failsWith(() => send({ url: receiver.url }), 'protocol');
    assert.equal(receiver.received.length, 1);
  });

  it('refuses headers and secrets that cannot be sent, with the remedy', async () => {
    const title = await failsWith(
      () => send({ url: receiver.url, headers: { Title: 'Überflug ✈' } }),
      'config',
    );
    assert.equal(
      title.message,
      'notify[0].headers.Title: a header takes no such characters; put that text into body',
    );
    const missing = await failsWith(() => send({ url: receiver.url, secret: { env: 'NOWHERE' } }), 'config');
    assert.match(missing.message, /NOWHERE is not set/);
    assert.equal(receiver.received.length, 0);
  });

  it('says that nobody listens', async () => {
    const { url } = receiver;
    await receiver.close();
    const { message } = await failsWith(() => send({ url: `${url}/secret-topic` }), 'unavailable');
    assert.match(message, /^127\.0\.0\.1:\d+ refuses connections/);
    receiver = await NoticeReceiver.start();
  });

  describe('to a program', () => {
    it('is JSON on its standard input; arguments are no shell', async () => {
      const script = join(folder, 'notify.sh');
      await writeFile(script, '#!/bin/sh\ncat > "$(dirname "$0")/got"; echo "got $1"\n', { mode: 0o755 });
      assert.equal(await send({ command: ['./notify.sh', '$(id); a b'] }), 'exit code 0 got $(id); a b');
      assert.deepEqual(
        JSON.parse(await readFile(join(folder, 'got'), 'utf8')),
        JSON.parse(MESSAGE.values.json),
      );
    });

    it('fails with its exit code, and what it says', async () => {
      const sent = send({ command: ['sh', '-c', 'echo no network >&2; exit 3'] });
      const { message, temporary } = await failsWith(() => sent, 'io');
      assert.equal(message, 'sh ended with exit code 3: "no network"');
      assert.ok(temporary);
    });

    it('names the remedy for one that is not there', async () => {
      const { message } = await failsWith(() => send({ command: ['no-such-program'] }), 'unavailable');
      assert.equal(
        message,
        'no-such-program is not installed: check notify[0].command, and name it with its path',
      );
    });
  });
});
