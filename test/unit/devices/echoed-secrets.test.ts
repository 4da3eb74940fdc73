import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { ftp } from '../../../src/devices/ftp.js';
import { webdav } from '../../../src/devices/webdav.js';
import type { FileSyncError } from '../../../src/errors.js';
import { failsWith, listed } from '../../conformance/support.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { makeSource, makeTarget } from '../../servers/device.js';
import { never } from '../../servers/outgoing.js';
import { scriptedFtp } from '../../servers/scripted-ftp.js';

const PASSWORD = 'c0rrect+h0rse&battery';
const BASIC = Buffer.from(`pilot:${PASSWORD}`).toString('base64');
const ECHO = [PASSWORD, encodeURIComponent(PASSWORD), BASIC, PASSWORD.replace('&', '&amp;')].join(' ');

/** Nothing of the password is in the text, in any encoding. */
function assertMasked(text: string): void {
  assert.doesNotMatch(text, /c0rrect|h0rse|battery/);
  assert.ok(!text.includes(BASIC.slice(12, 24)), text);
}

describe('secrets that a server repeats', () => {
  it('webdav: are masked in refusals, in listings and in the names of files', async () => {
    const answers: [status: number, body: string][] = [
      [403, ECHO],
      [500, `<html><script>${ECHO}</script>${ECHO}`],
      [
        207,
        `<multistatus xmlns="DAV:"><response><href>/dav/..%2f${PASSWORD}</href></response></multistatus>`,
      ],
      [
        207,
        `<multistatus xmlns="DAV:"><response><href>http://${encodeURIComponent(PASSWORD)}/</href></response></multistatus>`,
      ],
    ];
    for (const [status, body] of answers) {
      const server = createServer((request, response) => {
        request.resume();
        if (request.headers.authorization) return void response.writeHead(status).end(body);
        response.writeHead(401, { 'www-authenticate': 'Basic realm="logs"' }).end();
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dav/`;
      const logger = new RecordingLogger();
      const options = { url, user: 'pilot', password: { env: 'PASSWORD' } };
      const source = await makeSource(webdav, options, { logger, secret: () => PASSWORD });
      const error = await listed(source).catch((thrown: FileSyncError) => thrown);
      await source.close();
      server.close();
      assertMasked(inspect(error));
      assertMasked(JSON.stringify(logger.entries));
    }
  });

  it('ftp: are masked in refusals, in listings and in warnings', async () => {
    const script = {
      USER: '331 password',
      PASS: '230 welcome',
      FEAT: '211 none',
      CWD: '250 ok',
      SIZE: `553 ${ECHO}`,
    };
    const lines = [`-rw-r--r-- 1 u g 5 Jan 05 2020 /${PASSWORD}`, `nonsense ${PASSWORD}`];
    for (const line of lines) {
      const { port, server } = await scriptedFtp(script, `220 ready`, { LIST: `${line}\r\n` });
      const logger = new RecordingLogger();
      const options = { host: '127.0.0.1', port, user: 'pilot', password: { env: 'PASSWORD' } };
      const over = { logger, secret: () => PASSWORD };
      const source = await makeSource(ftp, options, over);
      const error = await listed(source).catch((thrown: FileSyncError) => thrown);
      assertMasked(inspect(error));
      await source.close();
      const target = await makeTarget(ftp, options, over);
      const refused = await failsWith(() => target.stat('a.ulg', '0123456789abcdef', never), 'denied');
      await target.close();
      server.close();
      assertMasked(String(refused.cause) + refused.message);
      assertMasked(JSON.stringify(logger.entries));
    }
  });
});
