import type { IncomingMessage, RequestOptions } from 'node:http';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { FileSyncError } from '../errors.js';
import type { Api } from './api.js';
import { addressOf } from './socket.js';
import * as schema from './schema.js';
import type { Action, EditResult, File, FilePage, FileQuery, Repairs, Selection, Status } from './schema.js';
import type { FlightPage, FlightQuery } from './schema.js';

/** A query that has been without a sign of life for that long is given up. Edits may take longer: each is written to disk. */
const QUERY_TIMEOUT_MS = 30_000;
/** Longest answer that is read. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** RFC 9457. */
const refusal = z.object({ detail: z.string() });

/** The Api of a daemon in another process, over its socket. What it answers is checked. */
export class RemoteApi implements Api {
  readonly #socketPath: string;
  readonly #timeoutMs: number;

  private constructor(socketPath: string, timeoutMs: number) {
    this.#socketPath = socketPath;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Undefined if no daemon listens there. Rejects with `denied` if this user may not connect, and as every call does: with
   * `timeout` if the daemon does not answer, `unavailable` if it ends meanwhile, `io` if it answers what is no answer.
   */
  static async connect(
    socketPath: string,
    timeoutMs: number = QUERY_TIMEOUT_MS,
  ): Promise<RemoteApi | undefined> {
    if (await isMissing(socketPath)) return undefined;
    const api = new RemoteApi(socketPath, timeoutMs);
    return api.status().then(
      () => api,
      (error: unknown) => {
        if (isWithoutServer(error)) return undefined;
        throw error;
      },
    );
  }

  status(): Promise<Status> {
    return this.#ask(schema.status, 'GET', '/status');
  }

  files(query: FileQuery): Promise<FilePage> {
    return this.#ask(schema.page, 'GET', `/files?${textOfQuery(query)}`);
  }

  file(id: string): Promise<File> {
    return this.#ask(schema.file, 'GET', `/files/${encodeURIComponent(id)}`);
  }

  flights(query: FlightQuery): Promise<FlightPage> {
    return this.#ask(schema.flightPage, 'GET', `/flights?${textOfQuery(query)}`);
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

  cancel(which: Selection): Promise<EditResult> {
    return this.#ask(schema.editResult, 'POST', '/files/cancel', which);
  }

  repair(what: Repairs): Promise<EditResult> {
    return this.#ask(schema.editResult, 'POST', '/files/repair', what);
  }

  rescan(): Promise<Action> {
    return this.#ask(schema.action, 'POST', '/rescan');
  }

  pause(paused: boolean): Promise<Action> {
    return this.#ask(schema.action, 'PUT', '/paused', { paused });
  }

  push(): Promise<Action> {
    return this.#ask(schema.action, 'POST', '/push');
  }

  async close(): Promise<void> {
    // Each call had its own connection.
  }

  /** Rejects with the daemon's message if it refuses. */
  async #ask<Answer>(
    shape: z.ZodType<Answer>,
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: unknown,
  ): Promise<Answer> {
    const timeout = method === 'GET' ? this.#timeoutMs : 0;
    try {
      const address = addressOf(this.#socketPath);
      const options = { socketPath: address.path, method, path, timeout };
      const [code, text] = await exchange(options, body).finally(() => address.close());
      return answerOf(shape, code, text);
    } catch (error) {
      throw await translated(error as NodeJS.ErrnoException, this.#socketPath);
    }
  }
}

function textOfQuery(query: object): string {
  const wanted = Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]);
  return new URLSearchParams(wanted).toString();
}

type Exchange = readonly [code: number | undefined, text: string];

/** Rejects with Node's errors; `ETIMEDOUT` when nothing has come for `timeout`. */
async function exchange(to: RequestOptions, body: unknown): Promise<Exchange> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', connection: 'close' };
    const sent = request({ ...to, headers }, response => {
      textOf(response).then(text => resolve([response.statusCode, text]), reject);
    });
    const late = () => sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }));
    sent
      .on('timeout', late)
      .on('error', reject)
      .end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw unreadable('its answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function answerOf<Answer>(shape: z.ZodType<Answer>, code: number | undefined, text: string): Answer {
  const answer = parsed(text);
  if (code !== 200) throw refusalOf(code, answer);
  const { data, error } = shape.safeParse(answer);
  if (!error) return data;
  throw unreadable(error.issues[0]?.path.join('.') || 'no object');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw unreadable('no JSON');
  }
}

const unreadable = (what: string) =>
  new FileSyncError('io', `the daemon answers in another form (${what}): restart it, it may be older`);

function refusalOf(code: number | undefined, answer: unknown): FileSyncError {
  const { data } = refusal.safeParse(answer);
  const kind = code === 404 ? 'not-found' : 'io';
  return new FileSyncError(kind, data?.detail ?? `the daemon answers with status ${code}`);
}

/** False where this user may not see it. */
const isMissing = (path: string): Promise<boolean> =>
  stat(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );

/** No process listens at the socket, or there is none. */
function isWithoutServer(error: unknown): boolean {
  const { code } = (error instanceof FileSyncError ? (error.cause ?? {}) : {}) as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}

async function translated(error: NodeJS.ErrnoException, path: string): Promise<FileSyncError> {
  if (error instanceof FileSyncError) return error;
  if (error.code?.startsWith('HPE_')) return unreadable('no HTTP');
  const cause = { cause: error };
  switch (error.code) {
    case 'EACCES':
      return new FileSyncError('denied', await deniedMessage(path), cause);
    case 'ETIMEDOUT':
      return new FileSyncError(
        'timeout',
        `the daemon at ${path} does not answer: it hangs or is stopped; restart it (such as \`sudo systemctl restart filesync\`)`,
        cause,
      );
    default:
      return new FileSyncError(
        'unavailable',
        `the daemon at ${path} ended before it answered: repeat the command`,
        cause,
      );
  }
}

/** This user may not look into the folder of the database, and so cannot find out whether a daemon runs. */
async function deniedMessage(path: string): Promise<string> {
  const isVisible = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isVisible)
    return `this user may not look into ${dirname(path)}, where the database is: run the command as the user of filesync (such as \`sudo -u filesync filesync status\`)`;
  return `the daemon runs as another user, and its socket ${path} is closed to this one: use that user, or join its group (sudo usermod -aG filesync $USER)`;
}
