import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export interface WebProxy {
  /** With user and password. */
  readonly url: string;
  /** The requests, in order: `CONNECT host:port` or `PUT http://…`. */
  readonly asked: string[];
  close(): Promise<void>;
}

const LOGIN = 'us%er:p%40ss-w0rd';
const EXPECTED = `Basic ${Buffer.from('us%er:p@ss-w0rd').toString('base64')}`;
export const PROXY_SECRETS = /p@ss-w0rd|p%40ss-w0rd/;

/** A proxy that requires a login, and connects to this machine for every host. */
export async function startWebProxy(): Promise<WebProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    if (incoming.headers['proxy-authorization'] !== EXPECTED) outgoing.writeHead(407).end('login first');
    else forward(incoming, outgoing);
  });
  server.on('connection', socket => sockets.add(socket.on('error', () => undefined)));
  server.on('connect', (incoming: IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${incoming.url}`);
    if (incoming.headers['proxy-authorization'] !== EXPECTED)
      return void socket.end('HTTP/1.1 407 no\r\n\r\n');
    const port = Number(incoming.url?.split(':').at(-1));
    const there = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 go on\r\n\r\n'));
    there.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    sockets.add(
      there
        .pipe(socket)
        .on('close', () => there.destroy())
        .pipe(there),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://${LOGIN.replace('us%er', 'us%25er')}@127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { port, pathname, search } = new URL(incoming.url ?? '');
  const { method, headers } = incoming;
  const sent = request({ host: '127.0.0.1', port, path: pathname + search, method, headers }, answer => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  incoming.pipe(sent.on('error', () => outgoing.destroy()));
}
