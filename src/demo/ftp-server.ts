import type { EventEmitter } from 'node:events';
import type { Stats } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo, Server, Socket } from 'node:net';
import library, { type FtpConnection } from 'ftp-srv';
import { FileSyncError } from '../errors.js';

export interface FtpServerOptions {
  /** The folder that is served; made if it is missing. */
  readonly folder: string;
  readonly user: string;
  readonly password: string;
  /** Default: the loopback address. */
  readonly host?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** The process, from which the signal handlers that the library adds are removed. */
  readonly signals?: EventEmitter;
}

export interface FtpServer {
  readonly host: string;
  readonly port: number;
  /** Cuts open connections; a second call does nothing. */
  close(): Promise<void>;
}

/** An older kind of module: what it exports are properties of its class. */
const { FtpSrv, FileSystem } = library;

/** An FTP server on a folder, for one user. Throws `config` if the port is taken. */
export async function startFtpServer(options: FtpServerOptions): Promise<FtpServer> {
  const { folder, host = '127.0.0.1', port = 0 } = options;
  await mkdir(folder, { recursive: true });
  const server = withoutSignals(options.signals, () => makeServer(host, port));
  acceptLogins(server, options);
  await listen(server, `${host}:${port}`);
  let closing: Promise<void> | undefined;
  return {
    host,
    port: (server.server.address() as AddressInfo).port,
    close: () => (closing ??= Promise.resolve(server.close() as PromiseLike<void>)),
  };
}

/** Keeps partial files, and answers SIZE with a number for an empty file: the library takes 0 for a missing value, but not `0`. */
class Files extends FileSystem {
  override async get(name: string): Promise<unknown> {
    const stat = (await super.get(name)) as Stats;
    return Object.assign(stat, { size: String(stat.size) });
  }

  override write(name: string, options?: { append?: boolean; start?: unknown }): unknown {
    const written = super.write(name, options) as { stream: EventEmitter };
    written.stream.removeAllListeners('error');
    return written;
  }
}

/** Does not end the process on a signal, and leaves no timers behind. */
class PatchedServer extends FtpSrv {
  declare readonly server: Server;
  declare readonly connections: Record<string, FtpConnection | undefined>;

  quit(): void {}

  override async disconnectClient(id: string): Promise<void> {
    const connection = this.connections[id];
    delete this.connections[id];
    await connection?.close(0, 0);
  }
}

function makeServer(host: string, port: number): PatchedServer {
  return new PatchedServer({
    url: `ftp://${host}:${port}`,
    pasv_url: host,
    pasv_min: 0,
    pasv_max: 0,
    log: silence,
  });
}

/** What the library has for one data connection: its port, and the connection once there is one. */
interface Connector {
  readonly type: string | false;
  /** That of the control connection, or the connector whose end has made this one. */
  readonly connection: unknown;
  readonly dataServer?: Server | null;
  readonly dataSocket?: Socket | null;
}

interface DataPorts {
  connector: Connector;
  readonly commandSocket: Socket;
}

/**
 * Lets a connection have one data port at a time (RFC 959 section 3.3): the next one, or the end of the control connection, closes an
 * unused one. The library loses sight of it: it would listen for ever, and so would a connection to it that its client has closed,
 * since nothing reads from that. The late end of an earlier port does not take the place of the next one.
 */
function closeUnusedPorts(connection: DataPorts): void {
  let current = connection.connector;
  Object.defineProperty(connection, 'connector', {
    get: () => current,
    set: (next: Connector) => {
      if (next.connection !== connection && next.connection !== current) return;
      if (next.type !== false) closePort(current);
      current = next;
    },
  });
  connection.commandSocket.once('close', () => closePort(current));
}

/** Does nothing after a transfer: the library has ended that. */
function closePort({ dataSocket, dataServer }: Connector): void {
  dataSocket?.destroy();
  dataServer?.close();
}

function acceptLogins(server: PatchedServer, { user, password, folder }: FtpServerOptions): void {
  server.on('login', ({ connection, ...given }, resolve, reject) => {
    const known = given.username === user && given.password === password;
    closeUnusedPorts(connection as unknown as DataPorts);
    if (known) resolve({ fs: new Files(connection, { root: folder, cwd: '/' }) });
    else reject(new Error('Login incorrect.'));
  });
}

async function listen(server: PatchedServer, place: string): Promise<void> {
  try {
    server.server.on('connection', (socket: Socket) => socket.setNoDelay());
    await (server.listen() as PromiseLike<unknown>);
  } catch (cause) {
    throw new FileSyncError('config', `the FTP server cannot listen on ${place}: is the port taken?`, {
      cause,
    });
  }
}

/** Calls `make` and removes the signal handlers that it added. */
function withoutSignals<T>(signals: EventEmitter | undefined, make: () => T): T {
  const names = ['SIGTERM', 'SIGINT', 'SIGQUIT'];
  const before = new Set(names.flatMap(name => signals?.listeners(name) ?? []));
  const made = make();
  for (const name of names) {
    const added = signals?.listeners(name).filter(listener => !before.has(listener)) ?? [];
    for (const listener of added) signals?.off(name, listener as () => void);
  }
  return made;
}

/** A bunyan logger that discards everything: errors reach the client as replies. */
const silence = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
  child: () => silence,
};

function ignore(): void {}
