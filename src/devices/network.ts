import { once } from 'node:events';
import { connect as connectTcp, isIP, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CONNECTION_RESET, connectionErrorText } from '../system/connection-errors.js';
import { bareHost, openSocks, openTunnel, ProxyError, proxyPort, type Proxy } from './proxy.js';
import { timeoutError } from './send-queue.js';
import type { TlsMaterial } from './tls-options.js';

/**
 * ms for each address of a host that has several. Node's 250 ms are too short for a handshake over a modem: without a route for
 * the other kind of address the server could never be reached.
 */
const autoSelectFamilyAttemptTimeout = 5000;

/** A new connection that waits long enough for each address of its host. */
export function patientSocket(): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket) as (options: object, connected?: () => void) => Socket;
  const patiently = (options: object, connected?: () => void): Socket =>
    connect({ ...options, autoSelectFamilyAttemptTimeout }, connected);
  return Object.assign(socket, { connect: patiently });
}

export interface ConnectOptions {
  readonly tls: TlsMaterial;
  /** ms. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** With a proxy, the connection for plain http is one to the proxy, which makes the request. */
  readonly proxy?: Proxy | undefined;
}

/** A connection to a web server, encrypted and checked for https. Rejects with Node's own error or a `ProxyError`. */
export async function connectTo(url: URL, options: ConnectOptions): Promise<Socket> {
  const { tls, proxy } = options;
  if (!proxy) return dial(url, options, tls);
  const socket = await dialProxy(proxy, options);
  if (proxy.socks !== undefined) {
    const tunnel = await limited(socket, options.timeout, () =>
      openSocks(socket, url, proxy, options.timeout),
    );
    return url.protocol === 'https:' ? encrypted(tunnel, url, options, tls) : tunnel;
  }
  if (url.protocol !== 'https:') return socket;
  const tunnel = await limited(socket, options.timeout, () => openTunnel(socket, url, proxy, options.signal));
  return encrypted(tunnel, url, options, tls);
}

async function dialProxy(proxy: Proxy, options: ConnectOptions): Promise<Socket> {
  try {
    return await dial(proxy.url, options, {});
  } catch (error) {
    if (options.signal.aborted) throw error;
    throw new ProxyError(`cannot be reached: ${proxy.title} ${webTrouble(error)}`);
  }
}

async function dial(url: URL, options: ConnectOptions, tls: TlsMaterial): Promise<Socket> {
  const plain = connectTcp({ host: bareHost(url), port: proxyPort(url), autoSelectFamilyAttemptTimeout });
  const { timeout, signal } = options;
  const socket = await limited(plain, timeout, () => opened(plain, 'connect', signal));
  return url.protocol === 'https:' ? encrypted(socket, url, options, tls) : socket;
}

async function encrypted(
  socket: Socket,
  url: URL,
  { timeout, signal }: ConnectOptions,
  tls: TlsMaterial,
): Promise<Socket> {
  const host = bareHost(url);
  const names = isIP(host) ? {} : { servername: host };
  const secure = connectTls({ socket, host, ...names, ...tls, ALPNProtocols: ['http/1.1'] });
  return limited(secure, timeout, () => opened(secure, 'secureConnect', signal));
}

async function opened(socket: Socket, event: string, signal: AbortSignal): Promise<Socket> {
  await once(socket, event, { signal });
  return socket;
}

/** Does work on a new connection, which is closed when it is silent for too long or the work fails. */
async function limited(socket: Socket, timeout: number, work: () => Promise<Socket>): Promise<Socket> {
  const onTimeout = (): void => void socket.destroy(timeoutError());
  socket.on('error', ignore).setTimeout(timeout, onTimeout);
  try {
    const done = await work();
    socket.setTimeout(0).off('timeout', onTimeout);
    return done;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The operation on the connection fails with the same error. */
function ignore(): void {}

/** Why a connection failed, possibly through a proxy, as a sentence's end after the server's name. */
export function webTrouble(thrown: unknown): string {
  return thrown instanceof ProxyError ? thrown.message : (connectionErrorText(thrown) ?? CONNECTION_RESET);
}
