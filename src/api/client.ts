import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import { FileSyncError } from '../errors.js';
import type { Api } from './api.js';
import * as schema from './schema.js';
import type { EditResult, File, FilePage, FileQuery, Selection, Status } from './schema.js';

const refusal = z.object({ message: z.string() });

/** The Api of a daemon in another process, over its socket. What it answers is checked. */
export class RemoteApi implements Api {
  readonly #socketPath: string;

  private constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Undefined if no daemon listens there. Rejects with `denied` if this user may not connect. */
  static async connect(socketPath: string): Promise<RemoteApi | undefined> {
    const api = new RemoteApi(socketPath);
    return api.status().then(
      () => api,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return undefined;
        throw connectError(error, socketPath);
      },
    );
  }

  status(): Promise<Status> {
    return this.#ask(schema.status, 'GET', '/status');
  }

  files(query: FileQuery): Promise<FilePage> {
    const wanted = Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]);
    return this.#ask(schema.page, 'GET', `/files?${new URLSearchParams(wanted).toString()}`);
  }

  file(id: string): Promise<File> {
    return this.#ask(schema.file, 'GET', `/files/${encodeURIComponent(id)}`);
  }

  retry(which: Selection): Promise<EditResult> {
    return this.#ask(schema.editResult, 'POST', '/files/retry', which);
  }

  forget(which: Selection): Promise<EditResult> {
    return this.#ask(schema.editResult, 'POST', '/files/forget', which);
  }

  first(which: Selection): Promise<EditResult> {
    return this.#ask(schema.editResult, 'POST', '/files/first', which);
  }

  fetch(which: Selection): Promise<EditResult> {
    return this.#ask(schema.editResult, 'POST', '/files/fetch', which);
  }

  async close(): Promise<void> {
    // Each call had its own connection.
  }

  /** Rejects with the daemon's message if it refuses; other errors are those of Node. */
  #ask<Answer>(
    shape: z.ZodType<Answer>,
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', connection: 'close' };
      const options = { socketPath: this.#socketPath, method, path, headers };
      const sent = request(options, response => {
        json(response).then(answer => {
          if (response.statusCode === 200) return resolve(checked(shape, answer));
          reject(refusalOf(response.statusCode, answer));
        }, reject);
      });
      sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

function checked<Answer>(shape: z.ZodType<Answer>, answer: unknown): Answer {
  const { data, error } = shape.safeParse(answer);
  if (!error) return data;
  const at = error.issues[0]?.path.join('.') ?? '';
  throw new FileSyncError('io', `the daemon answers in another form (${at}): restart it, it may be older`);
}

function refusalOf(code: number | undefined, answer: unknown): FileSyncError {
  const { data } = refusal.safeParse(answer);
  const kind = code === 404 ? 'not-found' : 'io';
  return new FileSyncError(kind, data?.message ?? `the daemon answers with status ${code}`);
}

function connectError(error: NodeJS.ErrnoException, path: string): FileSyncError {
  if (error instanceof FileSyncError) return error;
  if (error.code === 'EACCES')
    return new FileSyncError(
      'denied',
      `the daemon runs as another user, and its socket ${path} is closed to this one: use that user, or join its group (sudo usermod -aG filesync $USER)`,
      { cause: error },
    );
  return new FileSyncError('unavailable', `the daemon's socket ${path} does not answer`, { cause: error });
}
