import type { Agent as HttpAgent } from 'node:http';
import type { Readable } from 'node:stream';
import axios from 'axios';
import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import type { Clock } from '../../ports.js';
import type { DeviceContext } from '../../config/definition.js';
import { beginningOf, exchange, type Reply } from '../http/exchange.js';
import { bareHost, isLoopback, proxyFor, type Proxy } from '../proxy.js';
import { maskedMessage } from '../server-words.js';
import { webTrouble } from '../network.js';
import type { TlsFiles } from '../tls-options.js';
import { GapReporter, ListingGaps } from '../listing-gaps.js';
import { webAgent } from './agent.js';
import { watchedBytes } from './body.js';
import type { RefusalErrors } from './errors.js';
import { encodeName, isSamePath, namesIn } from './address.js';
import { Credentials, type Login } from '../http/credentials.js';

export interface WebSite {
  /** Of the root folder. */
  readonly url: URL;
  /** ms without a byte moving. */
  readonly timeout: number;
  /** Reads user and password. */
  login(): Login | undefined;
  readonly tls: TlsFiles;
  /** Reads headers of every request, whose values no message may contain. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** What a refusal means in the protocol that the server speaks over HTTP. */
  readonly toError: RefusalErrors;
}

/** One request. */
export interface WebRequest {
  readonly method: string;
  /** Names below the root. */
  readonly names: readonly string[];
  /** An address elsewhere on the server, in place of the names. */
  readonly url?: URL;
  /** If set, the request is for the folder that many levels above the root. */
  readonly above?: number;
  /** The URL ends with a slash then, which some servers require. */
  readonly folder?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream can be sent only once: log in by another request before. */
  readonly body?: string | Readable;
  /** The answer's body is returned as a stream, which the caller reads with a timeout. */
  readonly streamed?: boolean;
  readonly signal: AbortSignal;
  readonly details: ErrorDetails;
}

export interface WebReply {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  /** The beginning of the body; empty if the body is streamed. */
  readonly text: string;
  readonly stream: Readable;
}

/** HTTP with one server: keeps connections, logs in, and rejects with FileSyncError only. */
export class WebClient {
  readonly #site: WebSite;
  readonly #context: DeviceContext;
  readonly #root: readonly string[];
  readonly #agent: HttpAgent;
  readonly #closed = new AbortController();
  readonly #secrets = new Set<string>();
  #credentials: Credentials | undefined;
  readonly #reporter: GapReporter;
  #warned = false;

  constructor(site: WebSite, context: DeviceContext) {
    this.#reporter = new GapReporter({
      log: (level, text) =>
        context.logger.log(level, `${site.url.host}: ${maskedMessage(text, this.#secrets)}`),
    });
    this.#site = site;
    this.#context = context;
    this.#root = namesIn(site.url.pathname);
    const { url, timeout, tls } = site;
    const proxy = () => this.#proxy;
    this.#agent = webAgent({ url, timeout, tls, proxy, closed: this.#closed.signal }, context);
  }

  get url(): URL {
    return this.#site.url;
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  get random(): () => number {
    return this.#context.random;
  }

  get timeout(): number {
    return this.#site.timeout;
  }

  /** Converts names from the server's root into names below the device's root; undefined if they are not below. */
  below(names: readonly string[]): readonly string[] | undefined {
    const { length } = this.#root;
    return isSamePath(names.slice(0, length), this.#root) ? names.slice(length) : undefined;
  }

  urlOf(names: readonly string[], folder = false): URL {
    const path = [...this.#root, ...names].map(name => `/${encodeName(name)}`).join('');
    return new URL(this.#site.url.origin + path + (folder || names.length === 0 ? '/' : ''));
  }

  /** How many folders above the root may be made. */
  get depth(): number {
    return Math.max(0, this.#root.length - 1);
  }

  #urlFor({ names, folder, above }: WebRequest): URL {
    return above ? this.#above(above) : this.urlOf(names, folder);
  }

  #above(levels: number): URL {
    const path = this.#root.slice(0, -levels).map(name => `/${encodeName(name)}`);
    return new URL(`${this.#site.url.origin}${path.join('')}/`);
  }

  /** The answer of success; throws for a refusal. */
  async send(request: WebRequest): Promise<WebReply> {
    const reply = await this.ask(request);
    if (reply.status >= 200 && reply.status < 300) return reply;
    throw this.refusal(reply, request.details);
  }

  /** The answer, whatever its status. */
  async ask(request: WebRequest): Promise<WebReply> {
    const credentials = (this.#credentials ??= this.#readCredentials());
    const url = request.url ?? this.#urlFor(request);
    const sent = credentials.header(request.method, url);
    const reply = await this.#exchange(url, request, sent);
    if (reply.status !== 401) return reply;
    const challenge = reply.header('www-authenticate') ?? '';
    const again = typeof request.body !== 'object' && credentials.challenged(challenge, sent);
    if (again) this.#warnIfPlaintext(credentials);
    const second = again
      ? await this.#exchange(url, request, credentials.header(request.method, url))
      : reply;
    // The password may be renewed while the program runs.
    if (second.status === 401) this.#credentials = undefined;
    return second;
  }

  /** The text of a streamed answer, as it arrives. */
  async *textOf({ stream }: WebReply, { signal }: Pick<WebRequest, 'signal'>): AsyncGenerator<string, void> {
    const decoder = new TextDecoder();
    const { clock, timeout: limit } = this;
    for await (const chunk of watchedBytes(stream, { limit, clock, signal }))
      yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  }

  /** What one listing cannot show is logged there, without secrets. */
  newGaps(): ListingGaps {
    return new ListingGaps(this.#reporter);
  }

  #readCredentials(): Credentials {
    const credentials = new Credentials(this.#site.login());
    for (const secret of credentials.secrets) this.#secrets.add(secret);
    return credentials;
  }

  refusal(reply: WebReply, details: ErrorDetails): FileSyncError {
    const server = { host: this.url.host, secrets: this.#secrets, now: this.clock.now() };
    return this.#site.toError(reply, server, this.#detailed(details));
  }

  error(kind: FileSyncError['kind'], what: string, details: ErrorDetails): FileSyncError {
    const words = maskedMessage(what, this.#secrets);
    return new FileSyncError(kind, `${this.url.host} ${words}`, this.#detailed(details));
  }

  /** Translates the error of a request. */
  explain(thrown: unknown, signal: AbortSignal, details: ErrorDetails): FileSyncError {
    const all = this.#detailed(details);
    if (signal.aborted || this.#closed.signal.aborted) {
      return new FileSyncError('cancelled', 'cancelled', { ...all, cause: signal.reason });
    }
    // The error of axios holds the headers with the password.
    const cause = axios.isAxiosError(thrown) ? (thrown.cause ?? thrown.code) : thrown;
    if (cause instanceof FileSyncError) return cause;
    return new FileSyncError('unavailable', `${this.url.host} ${webTrouble(cause)}`, { ...all, cause });
  }

  close(): void {
    this.#closed.abort();
    this.#agent.destroy();
  }

  get #proxy(): Proxy | undefined {
    const proxy = proxyFor(this.url, this.#context.env);
    for (const secret of proxy?.secrets ?? []) this.#secrets.add(secret);
    return proxy;
  }

  async #exchange(url: URL, request: WebRequest, authorization: string | undefined): Promise<WebReply> {
    const { method, headers, body, details } = request;
    // `close` destroys the connections: AbortSignal.any with its signal would leak memory for each request (Node 20).
    throwIfAborted(this.#closed.signal, this.#detailed(details));
    throwIfAborted(request.signal, this.#detailed(details));
    const configured = this.#site.headers?.() ?? {};
    for (const value of Object.values(configured)) this.#secrets.add(value);
    try {
      const reply = await exchange({
        url,
        method,
        headers: {
          ...configured,
          ...headers,
          ...(authorization !== undefined && { Authorization: authorization }),
        },
        ...(body !== undefined && { body }),
        agent: this.#agent,
        proxy: this.#proxy,
        signal: request.signal,
        log: { logger: this.#context.logger, clock: this.clock, secrets: this.#secrets },
        timeout: this.timeout,
      });
      return await this.#received(reply, request.streamed === true);
    } catch (error) {
      throw this.explain(error, request.signal, details);
    }
  }

  #warnIfPlaintext({ isPlaintext }: Credentials): void {
    if (!isPlaintext || this.#warned || this.url.protocol === 'https:' || isLoopback(bareHost(this.url)))
      return;
    this.#warned = true;
    const message = `sends the password to ${this.url.host} unencrypted, as the server asks for: use https, or digest authentication there`;
    this.#context.logger.log('warn', message);
  }

  async #received({ status, header, body }: Reply, streamed: boolean): Promise<WebReply> {
    const isSuccess = status >= 200 && status < 300;
    const text = streamed && isSuccess ? '' : await beginningOf(body, this.clock, this.timeout);
    return { status, header, text, stream: body };
  }

  #detailed(details: ErrorDetails): ErrorDetails {
    return { ...details, device: this.#context.name };
  }
}
