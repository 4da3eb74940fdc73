import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LiveApi } from '../api/api.js';
import { answer, routeFor } from '../api/http.js';
import { HttpError } from '../api/problem.js';
import type { LiveParts } from '../api/live.js';
import type { Verdict } from '../api/schema.js';
import { METRICS_CONTENT_TYPE } from '../metrics/text.js';
import type { Clock, Logger } from '../ports.js';
import { Access } from './access.js';
import { send, sendProblem, setSecurityHeaders } from './answers.js';
import { KnownHosts } from './hosts.js';
import { pageWith } from './html.js';
import { assertOwnPage } from './own-page.js';
import type { PageFiles } from './page-files.js';
import { answerSession } from './session-route.js';
import type { WebSettings } from './settings.js';
import { Streams } from './streams.js';

const API = '/api/v1';

/** What is served. */
export interface Served {
  readonly api: LiveApi;
  readonly files: PageFiles;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of this machine. */
  readonly hostname: string;
  /** Of `/metrics`; it counts each answer, too. */
  readonly metrics?: NonNullable<LiveParts['metrics']>;
}

/** Answers each request, whatever it is. */
export class Handler {
  readonly #served: Served;
  readonly #access: Access;
  readonly #streams: Streams;
  #hosts: KnownHosts;
  #isTls: boolean;

  constructor(served: Served, settings: WebSettings) {
    this.#served = served;
    this.#access = new Access(settings, served.clock, served.logger);
    this.#streams = new Streams(served.clock, request => this.#access.scopesOf(request).includes('read'));
    this.#hosts = new KnownHosts(served.hostname, settings.hosts);
    this.#isTls = settings.tls !== undefined;
  }

  use(settings: WebSettings): void {
    this.#access.use(settings);
    this.#streams.check();
    this.#hosts = new KnownHosts(this.#served.hostname, settings.hosts);
    this.#isTls = settings.tls !== undefined;
  }

  /** Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    response.once('close', () =>
      this.#served.metrics?.requested(routeOf(request, path), response.statusCode),
    );
    setSecurityHeaders(response);
    try {
      if (!this.#hosts.isKnown(request)) throw new HttpError(421, UNKNOWN_HOST);
      if (path.startsWith(`${API}/`)) await this.#answerApi(path, request, response);
      else await this.#answerPage(path, request, response);
    } catch (thrown) {
      sendProblem(request, response, thrown);
    }
  }

  async #answerApi(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (path === `${API}/session`) {
      assertOwnPage(request, this.#isTls);
      await answerSession(this.#access, request, response, this.#isTls);
      return this.#streams.check();
    }
    const found = routeFor(request.method ?? '', path);
    const scope = found?.route.scope ?? 'none';
    if (scope !== 'none') this.#access.assertMay(request, scope);
    assertOwnPage(request, this.#isTls);
    if (found?.allowed?.type === 'text/event-stream') this.#streams.add(request, response);
    return answer(this.#served.api, request, response, found);
  }

  async #answerPage(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new HttpError(405, `${path.slice(0, 100)} takes GET, HEAD`, { allow: 'GET, HEAD' });
    const { api, files, metrics } = this.#served;
    if (path === '/healthz') return answerHealth(api, response);
    if (path === '/metrics' && metrics) {
      this.#access.assertMay(request, 'metrics', 'read');
      return send(response, 200, METRICS_CONTENT_TYPE, await metrics.text(api));
    }
    if (path === '/') {
      const html = pageWith(await this.#verdictFor(request), files.template);
      return send(response, 200, 'text/html; charset=utf-8', html);
    }
    if (!files.answer(path.slice(1), request, response))
      throw new HttpError(404, `no ${path.slice(0, 100)} here`);
  }

  /** Undefined where it is not known, or not for this client. */
  async #verdictFor(request: IncomingMessage): Promise<Verdict | undefined> {
    if (!this.#access.scopesOf(request).includes('read')) return undefined;
    return this.#served.api.status().then(
      ({ verdict }) => verdict,
      () => undefined,
    );
  }
}

const UNKNOWN_HOST =
  'this server is not known by that name: use its address or its own name, or add the name to web.hosts';

/** Without a login, so that it says nothing but whether the daemon can work. */
function answerHealth(api: LiveApi, response: ServerResponse): void {
  const isWell = api.problem === undefined;
  send(
    response,
    isWell ? 200 : 503,
    'text/plain; charset=utf-8',
    isWell ? 'ok\n' : 'the database has a problem\n',
  );
}

/** A name of a fixed set: labels of metrics must not grow with what clients ask for. */
function routeOf({ method = '' }: IncomingMessage, path: string): string {
  if (path === '/healthz' || path === '/metrics') return path;
  if (path === `${API}/session`) return '/session';
  if (path.startsWith(`${API}/`)) return routeFor(method, path)?.route.path ?? 'unknown';
  return 'page';
}
