import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { FileSyncError } from '../errors.js';
import type { Connection, Transport } from './link.js';
import { cannotBind } from './udp-socket.js';
import type { Endpoint } from './url.js';

/** Bytes that may wait to be sent. Bytes beyond that are dropped: on a blocked link old requests are of no use. */
const MAX_BACKLOG_BYTES = 64 * 1024;

/** MAVLink over TCP, as the server to which the vehicle connects. A later connection takes the place of the earlier one. */
export function tcpServerTransport({ host, port }: Endpoint): Transport {
  const name = `TCP port ${port}`;
  return {
    name,
    async connect(receive, signal) {
      const server = createServer({ noDelay: true });
      try {
        server.listen(port, host);
        await once(server, 'listening');
      } catch (cause) {
        throw cannotBind(`TCP port ${port} of ${host}`, cause);
      }
      const connection = new ServerConnection(server, name, receive);
      if (signal.aborted) await connection.close();
      return connection;
    },
  };
}

class ServerConnection implements Connection {
  readonly ended: Promise<FileSyncError>;
  readonly #server: Server;
  #client: Socket | undefined;

  constructor(server: Server, name: string, receive: (bytes: Uint8Array) => void) {
    this.#server = server;
    server.on('connection', socket => {
      this.#client?.destroy();
      this.#client = socket;
      socket.on('data', receive);
      // The vehicle connects again; that it is missing shows in its heartbeats.
      socket.on('error', () => undefined);
    });
    this.ended = new Promise(resolve => {
      server.on('error', cause =>
        resolve(new FileSyncError('unavailable', `${name} failed: ${cause.message}`, { cause })),
      );
    });
  }

  send(bytes: Uint8Array): void {
    const client = this.#client;
    if (client?.writable && client.writableLength < MAX_BACKLOG_BYTES) client.write(bytes);
  }

  async close(): Promise<void> {
    this.#client?.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>(resolve => this.#server.close(() => resolve()));
  }
}
