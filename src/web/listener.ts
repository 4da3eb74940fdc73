import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { ListenAddress } from '../config/web.js';
import { FileSyncError } from '../errors.js';
import type { Certificate } from './settings.js';

/** What a client may take: time, ms, and connections. */
export interface Limits {
  /** From the first byte of a request to the end of its header, and for a TLS handshake. */
  readonly headersMs: number;
  /** To the end of its body. */
  readonly requestMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
  readonly connections: number;
  /** Of one address; a proxy has one. */
  readonly connectionsOfAddress: number;
}

export const LIMITS: Limits = {
  ...{ headersMs: 10_000, requestMs: 30_000, idleMs: 60_000 },
  ...{ connections: 128, connectionsOfAddress: 64 },
};

/** A browser makes its next requests over the connection that it has. */
const KEEP_ALIVE_MS = 10_000;
/** How often Node compares connections with their limits, for each second of a limit. */
const CHECKS_PER_LIMIT = 4;

/** A port that is listened on. */
export class Listener {
  readonly #server: Server | TlsServer;
  readonly #sockets: ReadonlySet<Socket>;

  private constructor(server: Server | TlsServer, sockets: ReadonlySet<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
  }

  /** Rejects with `unavailable` where the port is taken, or the address is none of this machine (yet). */
  static async open(
    { address, port }: ListenAddress,
    tls: Certificate | undefined,
    handler: RequestListener,
    limits = LIMITS,
  ): Promise<Listener> {
    const server = makeServer(tls, handler, limits);
    const sockets = limitConnections(server, limits);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, address, port)));
      server.listen({ host: address, port }, resolve);
    });
    server.removeAllListeners('error').on('error', () => undefined);
    return new Listener(server, sockets);
  }

  /** Another one than was asked for if that was 0. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** New connections get it. */
  useCertificate(certificate: Certificate): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(certificate);
  }

  /** Ends all connections, also those that are not spoken HTTP on yet. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

function makeServer(
  tls: Certificate | undefined,
  handler: RequestListener,
  { headersMs, requestMs, idleMs }: Limits,
): Server | TlsServer {
  const options = {
    ...{ headersTimeout: headersMs, requestTimeout: requestMs, keepAliveTimeout: KEEP_ALIVE_MS },
    ...{ connectionsCheckingInterval: headersMs / CHECKS_PER_LIMIT, keepAlive: true },
  };
  const server = tls
    ? createTlsServer({ ...options, ...tls, handshakeTimeout: headersMs }, handler)
    : createServer(options, handler);
  server.timeout = idleMs;
  return server;
}

/** Sockets are counted before TLS: a handshake takes time, too. Returns those that are open. */
function limitConnections(server: Server | TlsServer, limits: Limits): ReadonlySet<Socket> {
  server.maxConnections = limits.connections;
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress: from } = socket;
    const others = [...open].filter(other => other.remoteAddress === from);
    if (others.length >= limits.connectionsOfAddress) return void socket.destroy();
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
}

function listenError({ code = '' }: NodeJS.ErrnoException, address: string, port: number): FileSyncError {
  const reason = REASONS[code] ?? `cannot be listened on (${code}): choose another web.listen`;
  return new FileSyncError('unavailable', `port ${port} of ${address} ${reason}`);
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken: end the program that listens there, or choose another web.listen',
  EADDRNOTAVAIL: 'is no address of this machine: check web.listen, or connect the network',
  EACCES: 'may not be listened on by this user: choose a port from 1024 on (web.listen)',
};
