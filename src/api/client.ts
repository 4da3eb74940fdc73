import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { FileSyncError } from '../errors.js';
import type { Admin, EditResult, FileFilter, ListedFile, Status } from './admin.js';

/** The Admin of a daemon in another process, over its socket. */
export class RemoteAdmin implements Admin {
  readonly #socketPath: string;

  private constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Undefined if no daemon listens there. */
  static async connect(socketPath: string): Promise<RemoteAdmin | undefined> {
    const admin = new RemoteAdmin(socketPath);
    return admin.status().then(
      () => admin,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return undefined;
        throw new FileSyncError('unavailable', `the daemon's socket ${socketPath} does not answer`, {
          cause: error,
        });
      },
    );
  }

  status(): Promise<Status> {
    return this.#ask('GET', '/status');
  }

  files(filter: FileFilter): Promise<readonly ListedFile[]> {
    const wanted = Object.entries(filter).map(([key, value]): [string, string] => [key, String(value)]);
    return this.#ask('GET', `/files?${new URLSearchParams(wanted).toString()}`);
  }

  retry(ids: readonly string[] | 'failed'): Promise<EditResult> {
    return this.#ask('POST', '/retry', ids);
  }

  forget(ids: readonly string[]): Promise<EditResult> {
    return this.#ask('POST', '/forget', ids);
  }

  first(ids: readonly string[]): Promise<EditResult> {
    return this.#ask('POST', '/first', ids);
  }

  fetch(ids: readonly string[]): Promise<EditResult> {
    return this.#ask('POST', '/fetch', ids);
  }

  async close(): Promise<void> {
    // Each call had its own connection.
  }

  /** Rejects with `io` and the daemon's message if it refuses; other errors are those of Node. */
  #ask<Answer>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', connection: 'close' };
      const sent = request({ socketPath: this.#socketPath, method, path, headers }, response => {
        json(response).then(answer => {
          if (response.statusCode === 200) return resolve(answer as Answer);
          const { message = `status ${response.statusCode}` } = answer as { message?: string };
          reject(new FileSyncError('io', `the daemon reports: ${message}`));
        }, reject);
      });
      sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
