import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { NO_FLEET, type FleetPage } from '../../src/api/schema-fleet.js';
import type { File, FlightView, Status } from '../../src/api/schema.js';
import { EMPTY_STATUS, FILES, FLIGHTS, linkOf, LOG, NOW, SIGNALS, STATUS } from './data.js';

const DIST = join(import.meta.dirname, '../../dist/page');
const TYPES: Readonly<Record<string, string>> = {
  ...{ html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' },
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What the server answers; tests change it while it runs. */
export interface Script {
  status: Status;
  files: readonly File[];
  flights: readonly FlightView[];
  fleet: FleetPage;
  /** Whether a password is asked for; a login clears it. */
  login: boolean;
  /** Whether this login may change something. */
  mayOperate: boolean;
  /** Every request of the API gets 500 with these words. */
  error: string;
}

/** Serves the page, with answers of a script: for states that a real FileSync is not easily brought into. */
export class FixtureServer {
  readonly script: Script = {
    status: STATUS,
    files: FILES,
    flights: FLIGHTS,
    fleet: NO_FLEET,
    login: false,
    mayOperate: true,
    error: '',
  };
  /** The writing requests that came, such as `POST /files/retry {"ids":["…"]}`. */
  readonly writes: string[] = [];
  /** The `Last-Event-ID` of each stream of events. */
  readonly streamsFrom: string[] = [];
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #streams = new Set<ServerResponse>();
  #sent = 0;

  static async start(): Promise<FixtureServer> {
    const server = new FixtureServer();
    await server.listen(0);
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>(resolve => this.#server.listen(port, '127.0.0.1', resolve));
  }

  /** Ends every connection; `listen` at the same port starts it again. */
  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** Sends an event to every page. */
  send(type: string, data: object): void {
    this.#sent += 1;
    const lines = `id: boot-${this.#sent}\nevent: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
    for (const stream of this.#streams) stream.write(lines);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const [, path] = /^\/api\/v1(\/.*)$/.exec(url.pathname) ?? [];
    response.setHeader('content-security-policy', CSP);
    if (path === undefined) return this.#static(url.pathname, response);
    const { script } = this;
    if (script.error !== '' && path !== '/session') return problem(response, 500, script.error);
    if (script.login && path !== '/session') return problem(response, 401, 'log in first');
    if (path === '/events') return this.#stream(request, response);
    if (request.method !== 'GET') return this.#write(request, path, response);
    const body = this.#read(path, url.searchParams);
    return body === undefined ? problem(response, 404, `no ${path}`) : json(response, body);
  }

  async #static(path: string, response: ServerResponse): Promise<void> {
    const name = path === '/' ? 'index.html' : path.slice(1);
    const bytes = await readFile(join(DIST, name)).catch(() => undefined);
    if (!bytes) return void response.writeHead(404).end();
    response
      .writeHead(200, { 'content-type': TYPES[name.split('.').at(-1) ?? ''] ?? 'text/plain' })
      .end(bytes);
  }

  #stream(request: IncomingMessage, response: ServerResponse): void {
    this.streamsFrom.push(String(request.headers['last-event-id'] ?? ''));
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: boot-0\n\n');
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
  }

  async #write(request: IncomingMessage, path: string, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (path === '/session') return this.#session(request.method ?? '', body, response);
    if (request.headers['x-filesync'] !== '1' || request.headers['content-type'] !== 'application/json')
      return problem(response, 403, 'not from the page');
    this.writes.push(`${request.method} ${path} ${body}`);
    const { ids = ['1'] } = JSON.parse(body) as { ids?: string[] };
    if (path.startsWith('/files/')) return json(response, { changed: ids, refused: [] });
    return json(response, { message: 'every source is scanned' });
  }

  #session(method: string, body: string, response: ServerResponse): void {
    if (method === 'DELETE') this.script.login = true;
    else if (body !== JSON.stringify({ password: 'open' })) return problem(response, 401, 'wrong password');
    else this.script.login = false;
    json(response, { scopes: ['read', 'operate'] });
  }

  #read(path: string, query: URLSearchParams): unknown {
    const { script } = this;
    const [, kind, id = '', part = ''] = path.split('/');
    if (kind === 'session')
      return {
        login: script.login,
        scopes: script.login ? [] : ['read', ...(script.mayOperate ? ['operate'] : [])],
      };
    if (kind === 'status') return script.status;
    if (kind === 'fleet') return script.fleet;
    if (kind === 'log') return { entries: LOG };
    if (kind === 'flights')
      return pageOf('flights', script.status === EMPTY_STATUS ? [] : script.flights, query);
    if (kind === 'devices') return linkOf(decodeURIComponent(id));
    if (kind === 'files' && id === '') return pageOf('files', script.files.filter(matcher(query)), query);
    const file = script.files.find(one => one.id === id);
    return file && { '': file, signals: SIGNALS, receipt: receiptOf(file) }[part];
  }
}

function matcher(query: URLSearchParams): (file: File) => boolean {
  const [states, device, part] = ['state', 'device', 'text'].map(key => query.get(key));
  return file =>
    (!states || states.split(',').includes(file.state)) &&
    (!device || file.device === device) &&
    (!part || file.path.toLowerCase().includes(part.toLowerCase()));
}

function pageOf(name: string, all: readonly unknown[], query: URLSearchParams) {
  const [from, limit] = [Number(query.get('cursor') ?? 0), Number(query.get('limit') ?? 1000)];
  const cursor = from + limit < all.length ? String(from + limit) : null;
  return { [name]: all.slice(from, from + limit), total: all.length, cursor };
}

function receiptOf({ targets, ...file }: File) {
  const shown = targets.map(({ updated_at: at, ...target }) => ({
    ...target,
    delivered_at: target.state === 'DONE' ? at : null,
  }));
  return {
    ...file,
    hostname: 'companion',
    version: '0.1.0',
    issued_at: new Date(NOW).toISOString(),
    targets: shown,
  };
}

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function problem(response: ServerResponse, status: number, detail: string): void {
  json(response, { type: 'about:blank', title: 'Error', status, detail }, status);
}
