import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { LiveApi } from './api.js';
import { answer, routeFor } from './http.js';
import { addressOf, openToGroup } from './socket.js';

/**
 * Lets commands reach the running daemon. Its user may connect, and the group `filesync` if the daemon is in it. The caller
 * holds the database's lock, so a socket that exists already is a dead process's.
 */
export async function serveControl(path: string, api: LiveApi): Promise<AsyncDisposable> {
  await rm(path, { force: true });
  const server = createServer((request, response) => {
    void answer(api, request, response, routeFor(request.method ?? '', request.url ?? ''));
  });
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

async function closeServer(server: Server, path: string): Promise<void> {
  server.closeAllConnections();
  // The server would remove it with a synchronous call, which blocks the program where the file system hangs.
  await rm(path, { force: true });
  await new Promise<void>(resolve => server.close(() => resolve()));
}
