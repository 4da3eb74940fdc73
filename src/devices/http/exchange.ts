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

/** One HTTP request. Without limit of time: whoever watches its connection breaks it. */
export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream needs a Content-Length among the headers. */
  readonly body?: string | Readable;
  /** Makes the connections: to the server, or to the proxy for plain http. */
  readonly agent: Agent;
  readonly proxy: Proxy | undefined;
  readonly signal: AbortSignal;
  readonly log: RequestLog;
  /** Told which connection carries it. */
  onSocket?(socket: Socket): void;
}

export interface Reply {
  readonly status: number;
  /** By its name in small letters. */
  readonly header: (name: string) => string | undefined;
  /** To be read to its end, or destroyed. */
  readonly body: Readable;
}

/** Bytes of an answer that are read for a person; servers are known to answer with whole pages. */
const ANSWER_LIMIT = 65_536;

/**
 * The answer, whatever its status: no redirect is followed (it could lead anywhere, with our headers), nothing is
 * unpacked. Rejects with axios' own error, which holds the headers, and so the secrets: never pass it on.
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

/** A proxy is asked for plain http by the whole address (RFC 9112 section 3.2.2); for https there is a tunnel. */
function transportFor(url: URL, { agent, proxy, onSocket }: Route) {
  const secure = url.protocol === 'https:';
  const asked = secure ? undefined : proxy;
  return {
    request(options: RequestOptions, answered: (response: IncomingMessage) => void): ClientRequest {
      const login = asked?.authorization && { 'Proxy-Authorization': asked.authorization };
      const headers = { ...(options.headers as Record<string, string>), ...login };
      const path = asked ? url.href.replace(url.hash, '') : options.path;
      const all = { ...options, agent, path, headers };
      const sent = secure ? requestHttps(all, answered) : requestHttp(all, answered);
      return onSocket ? sent.once('socket', onSocket) : sent;
    },
  };
}

/** What came of an answer's body. One that breaks off is still an answer: its status was whole. */
export async function beginningOf(body: Readable): Promise<string> {
  let text = '';
  try {
    for await (const piece of body.setEncoding('utf8') as AsyncIterable<string>) {
      text += piece;
      if (text.length > ANSWER_LIMIT) break;
    }
    return text;
  } catch {
    return text;
  }
}
