import type { EventEmitter } from 'node:events';
import type { Stats } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { FtpConnection } from 'ftp-srv';
import { FileSyncError } from '../errors.js';

export interface FtpServerOptions {
  /** What it serves; made if it is missing. */
  readonly folder: string;
  readonly user: string;
  readonly password: string;
  /** Default: the loopback address. */
  readonly host?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** The process: the library hangs handlers of its own on it, which are taken off again. */
  readonly signals?: EventEmitter;
}

export interface FtpServer {
  readonly host: string;
  readonly port: number;
  /** Cuts what is under way; a second call does nothing. */
  close(): Promise<void>;
}

type Library = Pick<typeof import('ftp-srv'), 'FtpSrv' | 'FileSystem'>;
type Tamed = ReturnType<typeof tame>;

/**
 * An FTP server on a folder, for one user. Throws `unsupported` if ftp-srv, an optional dependency, is not installed,
 * and `config` if the port is taken.
 */
export async function startFtpServer(options: FtpServerOptions): Promise<FtpServer> {
  const { folder, host = '127.0.0.1', port = 0 } = options;
  const tamed = tame(await load());
  await mkdir(folder, { recursive: true });
  const server = withoutSignals(options.signals, () => makeServer(tamed, host, port));
  letIn(server, tamed, options);
  await listen(server, `${host}:${port}`);
  let closing: Promise<void> | undefined;
  return {
    host,
    port: (server.server.address() as AddressInfo).port,
    close: () => (closing ??= Promise.resolve(server.close() as PromiseLike<void>)),
  };
}

async function load(): Promise<Library> {
  try {
    return await import('ftp-srv');
  } catch (cause) {
    const cure = 'install it with: npm install --include=optional';
    throw new FileSyncError('unsupported', `the embedded FTP server needs the package ftp-srv: ${cure}`, {
      cause,
    });
  }
}

/**
 * The library, without the habits of ending the process on a signal, of late timers, of deleting partial files and
 * of answering SIZE without a number for an empty file (it takes 0 for nothing; the text `0` passes).
 */
function tame({ FtpSrv, FileSystem }: Library) {
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
  class TameServer extends FtpSrv {
    declare readonly server: Server;
    declare readonly connections: Record<string, FtpConnection | undefined>;

    quit(): void {}

    override async disconnectClient(id: string): Promise<void> {
      const connection = this.connections[id];
      delete this.connections[id];
      await connection?.close(0, 0);
    }
  }
  return { Files, TameServer };
}

function makeServer({ TameServer }: Tamed, host: string, port: number): InstanceType<Tamed['TameServer']> {
  return new TameServer({
    url: `ftp://${host}:${port}`,
    pasv_url: host,
    pasv_min: 0,
    pasv_max: 0,
    log: silence,
  });
}

function letIn(
  server: InstanceType<Tamed['TameServer']>,
  { Files }: Tamed,
  { user, password, folder }: FtpServerOptions,
): void {
  server.on('login', ({ connection, ...given }, resolve, reject) => {
    const known = given.username === user && given.password === password;
    if (known) resolve({ fs: new Files(connection, { root: folder, cwd: '/' }) });
    else reject(new Error('Login incorrect.'));
  });
}

async function listen(server: InstanceType<Tamed['TameServer']>, place: string): Promise<void> {
  try {
    server.server.on('connection', (socket: Socket) => socket.setNoDelay());
    await (server.listen() as PromiseLike<unknown>);
  } catch (cause) {
    throw new FileSyncError('config', `the FTP server cannot listen on ${place}: is the port taken?`, {
      cause,
    });
  }
}

/** Makes something and takes off the signal handlers that it added. */
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

/** A bunyan logger that says nothing: errors reach the client as replies. */
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
