import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { z } from 'zod';
import { FileSyncError } from '../errors.js';
import type { DeviceContext } from './definition.js';
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
}

/** A connection to a web server, encrypted and checked for https. Rejects with Node's own error. */
export async function connectTo(url: URL, { ca, timeout, signal }: ConnectOptions): Promise<Socket> {
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port) || (secure ? 443 : 80);
  const names = isIP(host) ? {} : { servername: host };
  const socket = secure
    ? connectTls({ host, port, ...names, ...(ca && { ca }), ALPNProtocols: ['http/1.1'] })
    : connectTcp({ host, port });
  socket.setTimeout(timeout, () => socket.destroy(silence()));
  try {
    await once(socket, secure ? 'secureConnect' : 'connect', { signal });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket.setTimeout(0).on('error', ignore);
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
};

/** Why the connection to a server failed, as a sentence's end; undefined if it was not the network or TLS. */
export function connectionTrouble(thrown: unknown): string | undefined {
  const code = codeOf(thrown);
  return code === undefined ? undefined : TROUBLES[code];
}

/** The `code` of a Node error. */
function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
