import type { Agent } from 'node:http';
import { Readable } from 'node:stream';
import axios from 'axios';
import type { DeviceContext } from '../../config/definition.js';
import type { Clock } from '../../ports.js';
import { exchange, type Reply } from '../http/exchange.js';
import type { Proxy } from '../proxy.js';
import { watchedBytes } from '../web-client/body.js';

/** A request of the SDK, signed. */
interface SignedRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly method: string;
  /** Escaped. */
  readonly path: string;
  /** Not escaped. */
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes of an object as a stream, any other answer whole. */
  readonly body: Readable | Uint8Array;
}

export interface HandlerSite {
  readonly agent: Agent;
  /** ms. */
  readonly timeout: number;
  readonly proxy: () => Proxy | undefined;
  /** Those that no log may contain. */
  readonly secrets: Iterable<string>;
}

/** Of answers that are no object: a page of a listing has fewer. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** How the SDK reaches the server: by the program's own HTTP, with its proxies, certificates, time limits and log. */
export class S3Handler {
  readonly #site: HandlerSite;
  readonly #context: Pick<DeviceContext, 'clock' | 'logger'>;

  constructor(site: HandlerSite, context: Pick<DeviceContext, 'clock' | 'logger'>) {
    this.#site = site;
    this.#context = context;
  }

  async handle(
    request: SignedRequest,
    { abortSignal: signal = new AbortController().signal }: { abortSignal?: AbortSignal } = {},
  ): Promise<{ response: Answer }> {
    const { agent, timeout, proxy, secrets } = this.#site;
    const { clock, logger } = this.#context;
    const { 'user-agent': _, ...headers } = request.headers;
    const { method, body } = request;
    try {
      const reply = await exchange({
        url: urlOf(request),
        method,
        headers,
        ...(body !== undefined && { body: bufferOf(body) }),
        ...{ agent, proxy: proxy(), signal, timeout, log: { logger, clock, secrets } },
      });
      const isObject = request.query?.['x-id'] === 'GetObject' && reply.status < 300;
      const content = isObject ? reply.body : await wholeOf(reply, { limit: timeout, clock, signal });
      return { response: { statusCode: reply.status, headers: reply.headers, body: content } };
    } catch (error) {
      // The error of axios holds the headers.
      throw axios.isAxiosError(error) ? (error.cause ?? new Error(error.message)) : error;
    }
  }

  /** Settings that the SDK asks for: there are none. */
  httpHandlerConfigs(): object {
    return {};
  }
}

function urlOf({ protocol, hostname, port, path, query = {} }: SignedRequest): URL {
  const pairs = Object.keys(query)
    .sort()
    .flatMap(name => [query[name] ?? ''].flat().map(value => `${escaped(name)}=${escaped(value)}`));
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  return new URL(`${protocol}//${host}${path}${pairs.length > 0 ? `?${pairs.join('&')}` : ''}`);
}

/** RFC 3986 section 2.3, as signatures have it. */
const escaped = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, found => `%${found.charCodeAt(0).toString(16).toUpperCase()}`);

function bufferOf(body: unknown): Buffer {
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.length);
  throw new TypeError('the body of a request is no buffer');
}

async function wholeOf(
  { body }: Reply,
  watching: { limit: number; clock: Clock; signal: AbortSignal },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of watchedBytes(body, watching)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error('the answer has no end');
  }
  return Buffer.concat(chunks);
}
