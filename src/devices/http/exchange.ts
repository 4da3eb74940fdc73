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
import type { Clock } from '../../ports.js';
import { withinTime } from '../../system/deadline.js';
import type { Proxy } from '../proxy.js';
import { closeWhenIdle } from '../send-queue.js';
import { logged, type RequestLog } from './request-log.js';

/** One HTTP request. */
export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream needs a Content-Length among the headers. Of a string the white space at its ends may be cut off. */
  readonly body?: string | Buffer | Readable;
  /** Its connections lead to the server, or for plain http to the proxy. */
  readonly agent: Agent;
  readonly proxy: Proxy | undefined;
  readonly signal: AbortSignal;
  readonly log: RequestLog;
  /** ms within which the request must get on, and, once it was sent, the answer must begin. */
  readonly timeout: number;
}

export interface Reply {
  readonly status: number;
  /** By its lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** All of them that come once, by their lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
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
  const ended = new AbortController();
  // Nothing of this request is written yet, and the answer to the one before has acknowledged that.
  const watch = (socket: Socket): void =>
    void closeWhenIdle(socket, sent.timeout, sent.log.clock, ended.signal, socket.bytesWritten).catch(ignore);
  try {
    const { status, headers, data: body } = await logged(sent, sent.log, () => send(sent, watch));
    const single = Object.entries(headers).flatMap(([name, value]) => {
      const text = textOf(value);
      return text === undefined ? [] : [[name, text] as const];
    });
    return { status, header: name => textOf(headers[name]), headers: Object.fromEntries(single), body };
  } finally {
    ended.abort();
  }
}

/** Of a watch that has ended. */
function ignore(): void {}

function send(
  { url, method, headers, body, signal, ...route }: Exchange,
  onSocket: (socket: Socket) => void,
): Promise<AxiosResponse<Readable>> {
  return axios.request<Readable>({
    url: url.href,
    method,
    headers: { 'User-Agent': 'FileSync', 'Accept-Encoding': 'identity', ...headers },
    data: body,
    signal,
    proxy: false,
    transport: transportFor(url, { ...route, onSocket }),
    maxRedirects: 0,
    decompress: false,
    responseType: 'stream',
    validateStatus: null,
  });
}

const textOf = (header: unknown): string | undefined => (typeof header === 'string' ? header : undefined);

interface Route extends Pick<Exchange, 'agent' | 'proxy'> {
  /** Called with the connection of the request. */
  readonly onSocket: (socket: Socket) => void;
}

/** With a proxy, plain http requests have the absolute form (RFC 9112 section 3.2.2); https uses a tunnel. */
function transportFor(url: URL, { agent, proxy, onSocket }: Route) {
  const secure = url.protocol === 'https:';
  const usedProxy = secure || proxy?.socks !== undefined ? undefined : proxy;
  return {
    request(options: RequestOptions, answered: (response: IncomingMessage) => void): ClientRequest {
      const login = usedProxy?.authorization && { 'Proxy-Authorization': usedProxy.authorization };
      const headers = { ...(options.headers as Record<string, string>), ...login };
      const path = usedProxy ? url.href.replace(url.hash, '') : options.path;
      const all = { ...options, agent, path, headers };
      const sent = secure ? requestHttps(all, answered) : requestHttp(all, answered);
      return sent.once('socket', onSocket);
    },
  };
}

/**
 * The beginning of a body, as much as comes within `ms`. An answer whose body is incomplete still counts: its status is known.
 */
export async function beginningOf(body: Readable, clock: Clock, ms: number): Promise<string> {
  let text = '';
  const read = async (): Promise<void> => {
    for await (const piece of body.setEncoding('utf8') as AsyncIterable<string>) {
      text += piece;
      if (text.length > MAX_ANSWER_LENGTH) break;
    }
  };
  await withinTime(read(), { clock, ms }).catch(ignore);
  body.destroy();
  return text;
}
