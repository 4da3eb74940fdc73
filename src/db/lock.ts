import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { FileSyncError } from '../errors.js';

export interface Lock {
  /** A second call does nothing. */
  release(): Promise<void>;
}

/**
 * Makes this process the only user of the database at `path` (a real path, so that every way to the file meets the
 * same lock). The lock is a name in Linux's abstract socket space (unix(7)): the kernel gives it to one holder at a
 * time and takes it back however that one dies, so no stale lock is ever left behind. It does not reach into other
 * network namespaces: containers must not share a database. Rejects with `config`, a temporary one, if it is held.
 */
export async function acquireLock(path: string): Promise<Lock> {
  const server = createServer(socket => socket.destroy());
  await bind(server, path);
  server.unref();
  let released: Promise<void> | undefined;
  return { release: () => (released ??= new Promise<void>(resolve => server.close(() => resolve()))) };
}

function bind(server: Server, path: string): Promise<void> {
  const name = `\0filesync-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
  return new Promise((resolve, reject) => {
    server.once('error', error => reject(lockError(error, path)));
    server.listen({ path: name, exclusive: true }, resolve);
  });
}

function lockError(cause: Error, path: string): FileSyncError {
  const held = 'code' in cause && cause.code === 'EADDRINUSE';
  const message = held
    ? `another filesync is using the database ${path}; stop it first, or give each a database of its own ("database" in the configuration)`
    : `cannot lock the database ${path}: ${cause.message}`;
  return new FileSyncError(held ? 'config' : 'io', message, {
    ...{ operation: 'lock', path, cause, temporary: true },
  });
}
