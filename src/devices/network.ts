import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { z } from 'zod';
import { FileSyncError } from '../errors.js';
import type { DeviceContext } from './definition.js';
import { bareHost, openTunnel, portOf, ProxyError, type Proxy } from './http/proxy.js';
import { silence } from './send-queue.js';

/** Options of every device that can speak TLS. */
export const tlsOptions = {
  tls_ca: z
    .string()
    .min(1)
    .optional()
    .describe(
      'file with the certificate (PEM) of the authority, or of the server itself, that is to be trusted',
    ),
};

/** The content of the `tls_ca` file, PEM. Throws `config` if it cannot be read. */
export async function readCa(file: string | undefined, context: DeviceContext): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const path = context.resolvePath(file);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new FileSyncError('config', `tls_ca: ${path} cannot be read: check its name and its rights`, {
      device: context.name,
      cause,
    });
  }
}

export interface ConnectOptions {
  /** PEM. */
  readonly ca: string | undefined;
  /** ms. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** A plain http server is then asked by the proxy: what is connected is the proxy itself. */
  readonly proxy?: Proxy | undefined;
}

/** A connection to a web server, encrypted and checked for https. Rejects with Node's own error or a `ProxyError`. */
export async function connectTo(url: URL, options: ConnectOptions): Promise<Socket> {
  const { ca, proxy } = options;
  if (!proxy) return dial(url, options, ca);
  const socket = await dialProxy(proxy, options);
  if (url.protocol !== 'https:') return socket;
  const tunnel = await limited(socket, options.timeout, () => openTunnel(socket, url, proxy, options.signal));
  return encrypted(tunnel, url, options, ca);
}

async function dialProxy(proxy: Proxy, options: ConnectOptions): Promise<Socket> {
  try {
    return await dial(proxy.url, options, undefined);
  } catch (error) {
    if (options.signal.aborted) throw error;
    const trouble = connectionTrouble(error) ?? 'broke the connection';
    throw new ProxyError(`cannot be reached: ${proxy.title} ${trouble}`);
  }
}

async function dial(url: URL, options: ConnectOptions, ca: string | undefined): Promise<Socket> {
  const plain = connectTcp({ host: bareHost(url), port: portOf(url) });
  const { timeout, signal } = options;
  const socket = await limited(plain, timeout, () => opened(plain, 'connect', signal));
  return url.protocol === 'https:' ? encrypted(socket, url, options, ca) : socket;
}

async function encrypted(
  socket: Socket,
  url: URL,
  { timeout, signal }: ConnectOptions,
  ca: string | undefined,
): Promise<Socket> {
  const host = bareHost(url);
  const names = isIP(host) ? {} : { servername: host };
  const secure = connectTls({ socket, host, ...names, ...(ca && { ca }), ALPNProtocols: ['http/1.1'] });
  return limited(secure, timeout, () => opened(secure, 'secureConnect', signal));
}

async function opened(socket: Socket, event: string, signal: AbortSignal): Promise<Socket> {
  await once(socket, event, { signal });
  return socket;
}

/** The work on a new connection; silence or failure ends the connection. */
async function limited(socket: Socket, timeout: number, work: () => Promise<Socket>): Promise<Socket> {
  const giveUp = (): void => void socket.destroy(silence());
  socket.on('error', ignore).setTimeout(timeout, giveUp);
  try {
    const done = await work();
    socket.setTimeout(0).off('timeout', giveUp);
    return done;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Whoever uses the connection learns of its end by what fails there. */
function ignore(): void {}

const UNKNOWN_AUTHORITY =
  'shows a certificate of an unknown authority: if it is the right server, name its certificate file as tls_ca';
const WRONG_TIME =
  "shows a certificate that is not valid today: check this machine's clock, then the certificate";
const NO_TLS =
  'does not speak TLS on that port, or only a version that is no longer safe: check port and protocol';

/** What a code of Node's sockets, name look-ups or TLS means for a person, after the server's name. */
const TROUBLES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections: check that the server runs, and the port',
  ENOTFOUND: 'has no known address: check the host name',
  EAI_AGAIN: 'cannot be looked up now: no name server answers',
  EHOSTUNREACH: 'cannot be reached: check network and address',
  ENETUNREACH: 'cannot be reached: there is no network now',
  EADDRNOTAVAIL: 'cannot be reached: there is no network now',
  EHOSTDOWN: 'cannot be reached: it is switched off or away',
  ETIMEDOUT: 'does not answer',
  ECONNRESET: 'broke the connection',
  ECONNABORTED: 'broke the connection',
  EPIPE: 'broke the connection',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: WRONG_TIME,
  CERT_NOT_YET_VALID: WRONG_TIME,
  ERR_TLS_CERT_ALTNAME_INVALID: 'shows a certificate for another name: use the name that is in it',
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_TLS,
  EPROTO: NO_TLS,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NO_TLS,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: NO_TLS,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'asks for a certificate of ours, which FileSync has none of',
  HPE_INVALID_CONSTANT: 'does not speak HTTP on that port: check port and protocol',
};

/** Why the connection to a server failed, as a sentence's end; undefined if it was not the network or TLS. */
export function connectionTrouble(thrown: unknown): string | undefined {
  if (thrown instanceof ProxyError) return thrown.message;
  const code = codeOf(thrown);
  return code === undefined ? undefined : TROUBLES[code];
}

/** The `code` of a Node error. */
function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
