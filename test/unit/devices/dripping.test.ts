import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { ftp } from '../../../src/devices/ftp.js';
import { http } from '../../../src/devices/http.js';
import { webdav } from '../../../src/devices/webdav.js';
import { collect, failsWith, listed, sample } from '../../conformance/support.js';
import { makeSource, makeTarget } from '../../servers/device.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';

const TIMEOUT = '300ms';
const DRIP_INTERVAL_MS = 5;

/** Sends the text a byte at a time, again and again, as long as the connection is open. */
function drip(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => socket.write(text[at++ % text.length] ?? ''), DRIP_INTERVAL_MS);
  socket.once('close', () => clearInterval(timer));
}

/** Sends the text again and again, as fast as the connection takes it. */
function flood(socket: Socket, text: string): void {
  const send = (): void => {
    while (!socket.destroyed && socket.write(text.repeat(100)));
    if (!socket.destroyed) socket.once('drain', () => setImmediate(send));
  };
  send();
}

type Misbehave = (socket: Socket) => void;

/** Each tells how a server answers a request that never ends to be answered. */
const answers: Readonly<Record<string, Misbehave>> = {
  'headers that drip': socket => (socket.write('HTTP/1.1 200 OK\r\n'), drip(socket, 'X-More: again\r\n')),
  'a status line that drips': socket => drip(socket, 'HTTP/1.1 200 OKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOK'),
  'interim answers that drip': socket => drip(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n'),
  'interim answers without end': socket => flood(socket, 'HTTP/1.1 100 Continue\r\n\r\n'),
}; // prettier-ignore
const HEAD = 'HTTP/1.1 207 Multi-Status\r\nContent-Length: 1000000\r\n\r\n';

describe('servers that drip', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  /** A server that answers as soon as a whole head of a request has come. */
  async function web(misbehave: Misbehave): Promise<string> {
    server = createServer(socket => {
      socket.on('error', () => undefined).setEncoding('latin1');
      let head = '';
      socket.on('data', (text: string) => {
        const was = head.includes('\r\n\r\n');
        head += text;
        if (!was && head.includes('\r\n\r\n')) misbehave(socket);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/dav/`;
  }

  for (const [what, misbehave] of Object.entries(answers)) {
    it(`http: ${what} are no answer`, async () => {
      const target = await makeTarget(http, { url: await web(misbehave), timeout: TIMEOUT });
      await failsWith(
        () => target.write(outgoing(sample(1000)), 'a.ulg', 0, never, new Events()),
        'lost-answer',
      );
      await target.close();
    });

    it(`webdav: ${what} are no answer`, async () => {
      const source = await makeSource(webdav, { url: await web(misbehave), timeout: TIMEOUT });
      await failsWith(() => listed(source), 'unavailable');
      await source.close();
    });
  }

  it('http: the status counts although the body drips', async () => {
    const misbehave: Misbehave = socket => (
      socket.write(HEAD.replace('207', '200')),
      drip(socket, 'stored ')
    );
    const target = await makeTarget(http, { url: await web(misbehave), timeout: TIMEOUT });
    await target.write(outgoing(sample(1000)), 'a.ulg', 0, never, new Events());
    await target.close();
  });

  it('webdav: a listing and a file that drip are not waited for', async () => {
    const listing: Misbehave = socket => (socket.write(HEAD), drip(socket, '<multistatus>'));
    const source = await makeSource(webdav, { url: await web(listing), timeout: TIMEOUT });
    await failsWith(() => listed(source), 'unavailable');
    await source.close();
    server?.close();
    let requests = 0;
    const file: Misbehave = socket => {
      if (requests++ > 0) return socket.destroy();
      socket.write(HEAD.replace('207 Multi-Status', '200 OK'));
      drip(socket, 'x');
    };
    const reader = await makeSource(webdav, { url: await web(file), timeout: TIMEOUT });
    await failsWith(() => collect(reader.read({ path: 'a', size: 1_000_000 }, 0, never)), 'unavailable');
    await reader.close();
  });

  /** An FTP server that misbehaves at the command. */
  async function ftpServer(command: string, misbehave: Misbehave): Promise<number> {
    const replies: Readonly<Record<string, string>> = {
      USER: '331 p',
      PASS: '230 in',
      FEAT: '211 no',
      PWD: '257 "/"',
    };
    server = createServer({ noDelay: true }, socket => {
      socket
        .on('error', () => undefined)
        .setEncoding('latin1')
        .write('220 ready\r\n');
      socket.on('data', (text: string) => {
        for (const line of text.split('\r\n').filter(Boolean)) {
          const [word = ''] = line.split(' ');
          if (word === command) misbehave(socket);
          else socket.write(`${replies[word] ?? '200 ok'}\r\n`);
        }
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  const replies: Readonly<Record<string, Misbehave>> = {
    'a reply that drips': socket => drip(socket, '213 7777777777'),
    'lines of a reply without end': socket => (socket.write('213-\r\n'), drip(socket, ' more\r\n')),
    'preliminary replies without end': socket => drip(socket, '150 soon\r\n'),
  };
  for (const [what, misbehave] of Object.entries(replies)) {
    it(`ftp: ${what} is no answer`, async () => {
      const port = await ftpServer('SIZE', misbehave);
      const target = await makeTarget(ftp, { host: '127.0.0.1', port, timeout: TIMEOUT });
      const error = await failsWith(() => target.stat('a.ulg', '0123456789abcdef', never), 'unavailable');
      assert.match(error.message, /does not answer/);
      await target.close();
    });
  }
});
