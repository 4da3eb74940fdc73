import axios, { type AxiosInstance } from 'axios';
import { FileSyncError } from '../errors.js';
import type { Admin, EditResult, FileFilter, ListedFile, Status } from './admin.js';

/** The Admin of a daemon that runs elsewhere, over its socket. */
export class RemoteAdmin implements Admin {
  readonly #http: AxiosInstance;

  private constructor(socketPath: string) {
    this.#http = axios.create({
      socketPath,
      baseURL: 'http://daemon',
      proxy: false,
      maxContentLength: Infinity,
    });
    this.#http.interceptors.response.use(undefined, inDaemonsWords);
  }

  /** Undefined if nobody listens there. */
  static async connect(socketPath: string): Promise<RemoteAdmin | undefined> {
    const admin = new RemoteAdmin(socketPath);
    return admin.status().then(
      () => admin,
      (error: unknown) => {
        if (axios.isAxiosError(error) && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED'))
          return undefined;
        throw new FileSyncError('unavailable', `the daemon's socket ${socketPath} does not answer`, {
          cause: error,
        });
      },
    );
  }

  async status(): Promise<Status> {
    return (await this.#http.get<Status>('/status')).data;
  }

  async files(filter: FileFilter): Promise<readonly ListedFile[]> {
    return (await this.#http.get<ListedFile[]>('/files', { params: filter })).data;
  }

  async retry(ids: readonly string[] | 'failed'): Promise<EditResult> {
    return this.#post('/retry', ids);
  }

  async forget(ids: readonly string[]): Promise<EditResult> {
    return this.#post('/forget', ids);
  }

  async first(ids: readonly string[]): Promise<EditResult> {
    return this.#post('/first', ids);
  }

  async fetch(ids: readonly string[]): Promise<EditResult> {
    return this.#post('/fetch', ids);
  }

  async close(): Promise<void> {
    // Each call had its own connection.
  }

  async #post(path: string, ids: readonly string[] | string): Promise<EditResult> {
    return (await this.#http.post<EditResult>(path, JSON.stringify(ids), JSON_BODY)).data;
  }
}

/** What the daemon could not do it says itself; whatever else went wrong stays as it is. */
function inDaemonsWords(thrown: unknown): never {
  const said = axios.isAxiosError<{ message?: string } | undefined>(thrown)
    ? thrown.response?.data
    : undefined;
  if (said?.message === undefined) throw thrown;
  throw new FileSyncError('io', `the daemon says: ${said.message}`, { cause: thrown });
}

const JSON_BODY = { headers: { 'content-type': 'application/json' } };
