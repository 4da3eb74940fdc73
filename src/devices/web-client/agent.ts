import { setMaxListeners } from 'node:events';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { DeviceContext } from '../../config/definition.js';
import { connectTo } from '../network.js';
import type { Proxy } from '../proxy.js';
import { readTls, type TlsFiles } from '../tls-options.js';

export interface AgentSite {
  readonly url: URL;
  /** ms of silence in which a connection must be made. */
  readonly timeout: number;
  readonly tls: TlsFiles;
  /** Through which the server is reached; asked for each connection. */
  readonly proxy: () => Proxy | undefined;
  /** Aborts when the device is closed. */
  readonly closed: AbortSignal;
}

/** How long a connection is kept for the next request: shorter than servers do, which would reset it during one. */
const KEEP_ALIVE_MS = 4_000;

/** Connections to one web server: by way of a proxy, and with the certificates that are configured. */
export function webAgent(site: AgentSite, context: DeviceContext): HttpAgent {
  const options = { keepAlive: true, timeout: KEEP_ALIVE_MS };
  const agent = site.url.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
  // Each connection that is being made listens; small files make many at once.
  setMaxListeners(0, site.closed);
  const connect = async (): Promise<Socket> => {
    const { url, timeout, closed: signal } = site;
    const tls = await readTls(site.tls, context);
    return connectTo(url, { tls, timeout, proxy: site.proxy(), signal });
  };
  const createConnection = (_options: unknown, done: (error: Error | null, socket?: Socket) => void) =>
    void connect().then(
      socket => done(null, socket),
      (error: Error) => done(error),
    );
  return Object.assign(agent, { createConnection });
}
