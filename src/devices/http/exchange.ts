import {
  request as requestHttp,
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import axios, { type AxiosResponse } from 'axios';
import type { Proxy } from '../proxy.js';
import { logged, type RequestLog } from './request-log.js';

/** One HTTP request. It has no timeout: the caller closes a connection that is idle. */
export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream needs a Content-Length among the headers. */
  readonly body?: string | Readable;
  /** Its connections lead to the server, or for plain http to the proxy. */
  readonly agent: Agent;
  readonly proxy: Proxy | undefined;
  readonly signal: AbortSignal;
  readonly log: RequestLog;
  /** Called with the connection of the request. */
  onSocket?(socket: Socket): void;
}

export interface Reply {
  readonly status: number;
  /** By its lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** The caller reads it to its end, or destroys it. */
  readonly body: Readable;
}

/** Characters of a refusal that are read: some servers answer with whole pages. */
const MAX_ANSWER_LENGTH = 65_536;

/**
 * Resolves to the answer, whatever its status. No redirect is followed (it could send the headers to any host), no body
 * is decompressed. Rejects with the error of axios, which holds the headers with their secrets: never pass it on.
 */
export async function exchange(sent: Exchange): Promise<Reply> {
  const { status, headers, data: body } = await logged(sent, sent.log, () => send(sent));
  const header = (name: string): string | undefined => textOf(headers[name]);
  return { status, header, body };
}

function send({ url, method, headers, body, signal, ...route }: Exchange): Promise<AxiosResponse<Readable>> {
  return axios.request<Readable>({
    url: url.href,
    method,
    headers: { 'User-Agent': 'FileSync', 'Accept-Encoding': 'identity', ...headers },
    data: body,
    signal,
    proxy: false,
    transport: transportFor(url, route),
    maxRedirects: 0,
    decompress: false,
    responseType: 'stream',
    validateStatus: null,
  });
}

const textOf = (header: unknown): string | undefined => (typeof header === 'string' ? header : undefined);

type Route = Pick<Exchange, 'agent' | 'proxy' | 'onSocket'>;

/** With a proxy, plain http requests have the absolute form (RFC 9112 section 3.2.2); https uses a tunnel. */
function transportFor(url: URL, { agent, proxy, onSocket }: Route) {
  const secure = url.protocol === 'https:';
  const usedProxy = secure ? undefined : proxy;
  return {
    request(options: RequestOptions, answered: (response: IncomingMessage) => void): ClientRequest {
      const login = usedProxy?.authorization && { 'Proxy-Authorization': usedProxy.authorization };
      const headers = { ...(options.headers as Record<string, string>), ...login };
      const path = usedProxy ? url.href.replace(url.hash, '') : options.path;
      const all = { ...options, agent, path, headers };
      const sent = secure ? requestHttps(all, answered) : requestHttp(all, answered);
      return onSocket ? sent.once('socket', onSocket) : sent;
    },
  };
}

/** The beginning of a body. An answer whose body is incomplete still counts: its status is known. */
export async function beginningOf(body: Readable): Promise<string> {
  let text = '';
  try {
    for await (const piece of body.setEncoding('utf8') as AsyncIterable<string>) {
      text += piece;
      if (text.length > MAX_ANSWER_LENGTH) break;
    }
    return text;
  } catch {
    return text;
  }
}
