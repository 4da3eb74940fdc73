import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import FormData from 'form-data';
import { startFtpServer } from '../../src/demo/ftp-server.js';
import { startReceiver, type Receiver } from '../../src/demo/receiver.js';
import { failsWith } from './support.js';
import { temporaryFolder } from './temp-folder.js';

const ULOG = Buffer.from('554c6f670112350100000000', 'hex');

interface Said {
  readonly status: number | undefined;
  readonly location: string | undefined;
  readonly body: string;
}

/** Posts a form, with its length or in chunks. */
async function post(url: string, form: FormData, measured = true): Promise<Said> {
  const length = measured ? { 'content-length': String(form.getLengthSync()) } : {};
  const sent = request(url, { method: 'POST', headers: { ...form.getHeaders(), ...length } });
  sent.on('error', () => undefined);
  form.pipe(sent);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: answer.statusCode, location: answer.headers.location, body: await text(answer) };
}

function form(fields: Readonly<Record<string, string>>, file?: Buffer, field = 'filearg'): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  if (file) data.append(field, file, { filename: 'полёт.ulg' });
  return data;
}

/** As in the sources of Flight Review, which the receiver replaces in every other test. */
describe('the receiver behaves as Flight Review', () => {
  const required = { description: 'd', email: '' };
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let receiver: Receiver;
  beforeEach(async () => {
    folder = await temporaryFolder();
    receiver = await startReceiver({ folder: folder.path });
  });
  afterEach(async () => {
    await receiver.close();
    await folder.remove();
  });

  it('answers with the location in JSON, or with a redirect to it', async () => {
    const inJson = await post(`${receiver.url}/upload`, form({ ...required, redirect: 'false' }, ULOG));
    assert.equal(inJson.status, 200);
    assert.match((JSON.parse(inJson.body) as { url: string }).url, /^\/plot_app\?log=[0-9a-f-]{36}$/);
    const redirected = await post(`${receiver.url}/upload`, form(required, ULOG));
    assert.equal(redirected.status, 302);
    assert.match(redirected.location ?? '', /^\/plot_app\?log=/);
  });

  it('keeps the same log twice', async () => {
    for (let round = 0; round < 2; round++) await post(`${receiver.url}/upload`, form(required, ULOG));
    assert.equal(receiver.received.length, 2);
    for (const { path, name } of receiver.received) {
      assert.equal(name, 'полёт.ulg');
      assert.ok((await readFile(path)).equals(ULOG));
    }
  });

  const refusals: [name: string, made: () => FormData, status: number, measured?: boolean][] = [
    ['a body without a length', () => form(required, ULOG), 411, false],
    ['a form without an email field', () => form({ description: 'd' }, ULOG), 500],
    ['a form without a description', () => form({ email: '' }, ULOG), 500],
    ['a form without a file', () => form(required), 500],
    ['a file in another field', () => form(required, ULOG, 'file'), 500],
    ['a file that is no ULog', () => form(required, Buffer.from('<html>')), 400],
    ['an empty file', () => form(required, Buffer.alloc(0)), 400],
    ['a field of more than 10 KB', () => form({ ...required, feedback: 'x'.repeat(10_241) }, ULOG), 400],
  ];
  for (const [name, made, status, measured] of refusals) {
    it(`refuses ${name} with ${status}, and keeps nothing`, async () => {
      assert.equal((await post(`${receiver.url}/upload`, made(), measured)).status, status);
      assert.equal(receiver.received.length, 0);
      assert.deepEqual(await readdir(folder.path), []);
    });
  }

  it('has no other page', async () => {
    assert.equal((await post(`${receiver.url}/elsewhere`, form(required, ULOG))).status, 404);
  });
});

describe('the embedded servers', () => {
  it('report that their port is in use', async () => {
    const folder = await temporaryFolder();
    const receiver = await startReceiver({ folder: folder.path });
    const port = Number(new URL(receiver.url).port);
    try {
      await failsWith(() => startReceiver({ folder: folder.path, port }), 'config');
      const account = { user: 'u', password: 'p', signals: process };
      await failsWith(() => startFtpServer({ folder: folder.path, port, ...account }), 'config');
    } finally {
      await receiver.close();
      await folder.remove();
    }
  });

  it('leave the signals of the process alone, and close twice', async () => {
    const folder = await temporaryFolder();
    const handlers = () => ['SIGINT', 'SIGTERM', 'SIGQUIT'].map(name => process.listenerCount(name));
    const before = handlers();
    const server = await startFtpServer({ folder: folder.path, user: 'u', password: 'p', signals: process });
    assert.deepEqual(handlers(), before);
    await server.close();
    await server.close();
    await folder.remove();
  });
});
