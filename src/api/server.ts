import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import { toFileSyncError } from '../errors.js';
import { FileState } from '../ports.js';
import type { Admin, FileFilter } from './admin.js';

const ids = z.array(z.string());
const filter = z.object({
  all: z.stringbool().optional(),
  state: z.coerce.number().pipe(z.enum(FileState)).optional(),
  device: z.string().optional(),
});

/** The requests on the socket: HTTP with JSON bodies, as on Docker's. */
const routes: Record<string, (admin: Admin, input: unknown) => Promise<unknown>> = {
  'GET /status': admin => admin.status(),
  'GET /files': (admin, input) => admin.files(filter.parse(input) as FileFilter),
  'POST /retry': (admin, input) => admin.retry(z.union([ids, z.literal('failed')]).parse(input)),
  'POST /forget': (admin, input) => admin.forget(ids.parse(input)),
  'POST /first': (admin, input) => admin.first(ids.parse(input)),
  'POST /fetch': (admin, input) => admin.fetch(ids.parse(input)),
};

/**
 * Lets commands reach the running daemon. Only the user who runs it may connect (mode 0600). The caller holds the
 * database's lock, so a socket that exists already is a dead process's.
 */
export async function serveControl(path: string, admin: Admin): Promise<AsyncDisposable> {
  await rm(path, { force: true });
  const server = createServer((request, response) => void answer(admin, request, response));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  await chmod(path, 0o600);
  return { [Symbol.asyncDispose]: () => closeServer(server, path) };
}

async function answer(admin: Admin, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://daemon');
  const route = routes[`${request.method} ${url.pathname}`];
  if (!route) return send(response, 404, { message: `no ${request.method} ${url.pathname} here` });
  try {
    const input = request.method === 'GET' ? Object.fromEntries(url.searchParams) : await json(request);
    send(response, 200, await route(admin, input));
  } catch (thrown) {
    send(response, 400, { message: toFileSyncError(thrown).message });
  }
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
