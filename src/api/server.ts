import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type { Api, LiveApi } from './api.js';
import { fileQuery, pausing, repairs, selection, type Selection } from './schema.js';
import { addressOf, openToGroup } from './socket.js';

/** Longest body of a request. */
const MAX_BODY_BYTES = 1024 * 1024;
/** Events that wait for a client. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

type Route = (api: Api, request: Request) => Promise<unknown>;
interface Request {
  readonly query: URLSearchParams;
  /** What stands for the last part of a path such as `/files/ID`. */
  readonly id: string;
  readonly body: () => Promise<unknown>;
}

const edit =
  (act: (api: Api, which: Selection) => Promise<unknown>): Route =>
  async (api, { body }) =>
    act(api, selection.parse(await body()));

/** The requests: HTTP with JSON bodies. A path may begin with /api/v1. */
const routes: Readonly<Record<string, Route>> = {
  'GET /status': api => api.status(),
  'GET /files': (api, { query }) => api.files(fileQuery.parse(Object.fromEntries(query))),
  'GET /files/*': (api, { id }) => api.file(id),
  'POST /files/retry': edit((api, which) => api.retry(which)),
  'POST /files/forget': edit((api, which) => api.forget(which)),
  'POST /files/first': edit((api, which) => api.first(which)),
  'POST /files/fetch': edit((api, which) => api.fetch(which)),
  'POST /files/repair': async (api, { body }) => api.repair(repairs.parse(await body())),
  'POST /rescan': api => api.rescan(),
  'POST /push': api => api.push(),
  'PUT /paused': async (api, { body }) => api.pause(pausing.parse(await body()).paused),
};

/**
 * Lets commands reach the running daemon. Its user may connect, and the group `filesync` if the daemon is in it. The caller
 * holds the database's lock, so a socket that exists already is a dead process's.
 */
export async function serveControl(path: string, api: LiveApi): Promise<AsyncDisposable> {
  await rm(path, { force: true });
  const server = createServer((request, response) => void answer(api, request, response));
  const address = addressOf(path);
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(address.path, resolve));
    await chmod(path, 0o600);
    await openToGroup(path);
  } catch (error) {
    address.close();
    throw error;
  }
  return { [Symbol.asyncDispose]: () => closeServer(server, path).finally(() => address.close()) };
}

/** Never rejects, whatever the client asks. */
async function answer(api: LiveApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    if (request.method === 'GET' && pathOf(request) === '/events') return sendEvents(api, response);
    send(response, 200, await resultOf(api, request));
  } catch (thrown) {
    const message = thrown instanceof z.ZodError ? problemOf(thrown) : toFileSyncError(thrown).message;
    send(response, statusOf(thrown), { message });
  }
}

/** Without the beginning that names the version. */
function pathOf({ url = '' }: IncomingMessage): string {
  const [path = ''] = url.split('?', 1);
  return path.replace(/^\/api\/v1(?=\/)/, '');
}

/** Server-sent events (HTML standard, section 9.2). A client that reads too slowly is cut off. */
function sendEvents(api: LiveApi, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.flushHeaders();
  const events = api.events().subscribe({
    next: event => {
      response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
    },
    error: () => response.destroy(),
    complete: () => response.end(),
  });
  response.on('close', () => events.unsubscribe()).on('error', () => undefined);
}

async function resultOf(api: Api, request: IncomingMessage): Promise<unknown> {
  const path = pathOf(request);
  const [, search = ''] = (request.url ?? '').split('?', 2);
  const found = routeOf(request.method ?? '', path);
  if (!found) throw new FileSyncError('not-found', `no ${request.method} ${path.slice(0, 100)} here`);
  const body = () => bodyOf(request);
  return found.route(api, { id: found.id, query: new URLSearchParams(search), body });
}

function routeOf(method: string, path: string): { route: Route; id: string } | undefined {
  const exact = Object.hasOwn(routes, `${method} ${path}`) ? routes[`${method} ${path}`] : undefined;
  if (exact) return { route: exact, id: '' };
  const [, folder, id] = /^(.*)\/([^/]{1,64})$/.exec(path) ?? [];
  const route = Object.hasOwn(routes, `${method} ${folder}/*`) ? routes[`${method} ${folder}/*`] : undefined;
  return route && id !== undefined ? { route, id } : undefined;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) request.destroy(new FileSyncError('config', 'the request is too long'));
  });
  return json(request).catch((error: unknown) => {
    throw error instanceof FileSyncError ? error : new FileSyncError('config', 'the body is not JSON');
  });
}

function problemOf({ issues: [issue] }: z.ZodError): string {
  const at = issue?.path.join('.') ?? '';
  return `${at === '' ? '' : `${at}: `}${issue?.message ?? 'wrong request'}`;
}

function statusOf(thrown: unknown): number {
  if (thrown instanceof z.ZodError) return 400;
  const { kind } = toFileSyncError(thrown);
  return kind === 'not-found' ? 404 : kind === 'config' ? 400 : 500;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function closeServer(server: Server, path: string): Promise<void> {
  server.closeAllConnections();
  // The server would remove it with a synchronous call, which blocks the program where the file system hangs.
  await rm(path, { force: true });
  await new Promise<void>(resolve => server.close(() => resolve()));
}
