import { FileSyncError, throwIfAborted, toFileSyncError } from '../../errors.js';
import type { Clock } from '../../ports.js';
import { withinTime } from '../../system/deadline.js';
import type { Client, Graph } from '../graph.js';
import { Errno, FtpRefusal, isUnsettled, lostPacket } from './ftp-errors.js';
import type { FtpLock } from './ftp-lock.js';
import { FOLDER_ENTRY, ftpTypes, type FtpAnswer, type OpenAnswer } from './interfaces.js';
import { readTimeoutMs } from './read-size.js';

/** ms after which MAVROS gives up a listing or a checksum, and any other call but reads. */
const LONG_TIMEOUT_MS = 5_000;
const SHORT_TIMEOUT_MS = 200;
/** ms that we wait longer than MAVROS: for the other callers of its queue, and for a busy machine. */
const MARGIN_MS = 5_000;
/**
 * ms of rest after a call whose reply may come late: MAVROS answers such a reply with a reset of its own, and dies of
 * any call before that is through.
 */
const SETTLE_MS = 1_000;
/** ms from the request to the call, when a file is closed because its reading was cancelled. */
const RELEASE_TIMEOUT_MS = 600;
const CLOSE_TIMEOUT_MS = 2_000;
/** What even a slow SD card reads while the vehicle computes a checksum. */
const MIN_CARD_BYTES_PER_MS = 100;
const MAX_SYNC_ATTEMPTS = 3;
/** No file has this name. */
const NO_SUCH_FILE = '/filesync-no-such-file';

export interface FtpServicesOptions {
  readonly graph: Graph;
  /** Of MAVROS: `/mavros`. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly lock: FtpLock;
}

export interface MavrosEntry {
  readonly kind: 'file' | 'folder';
  readonly name: string;
  /** Bytes; 0 for a folder. */
  readonly size: number;
}

/** One call and how to interpret its answer. */
interface Call<Request extends object, Answer extends FtpAnswer> {
  readonly service: string;
  readonly client: Client<Request, Answer>;
  readonly request: Request;
  /** The file or folder, for messages. */
  readonly path: string;
  /** ms after which MAVROS gives up. */
  readonly limit: number;
  readonly signal: AbortSignal;
  /** Whether a call with r_errno 110 was answered after all: MAVROS misses replies that come too fast. */
  readonly isSuccess?: (answer: Answer) => boolean;
}

interface Answered<Answer> {
  readonly answer: Answer;
  /** ms. */
  readonly took: number;
}

const never = new AbortController().signal;

/**
 * The FTP services of one MAVROS, called in the only way that it survives (its FTP plugin throws where it should
 * answer, and the process aborts):
 *
 * - never two calls at once: each holds the program's one lock until MAVROS' own timeout has passed, even if cancelled;
 * - `close` before every `open`, in one hold of the lock: a path that is open already kills it;
 * - a rest after each call whose reply may come late, and never a `reset`;
 * - after such a call, first one whose reply may be of any kind. The number of a request that timed out is used again,
 *   and the vehicle answers it with its last reply: as an answer to `open` or `checksum` that kills MAVROS, to `list`
 *   it is wrong.
 *
 * Rejects with a FileSyncError, or with an FtpRefusal for what the vehicle refused.
 */
export class FtpServices {
  readonly #options: FtpServicesOptions;
  readonly #clients;
  /** Paths that may be open at MAVROS and that no reader uses. */
  readonly #unclosed = new Set<string>();
  readonly #releases = new Set<Promise<void>>();
  /** The vehicle may answer the next request with an older reply; true at first, for calls before our start. */
  #suspect = true;
  #served = false;

  constructor(options: FtpServicesOptions) {
    const { graph, namespace } = options;
    this.#options = options;
    this.#clients = {
      list: graph.client(ftpTypes.list, `${namespace}/ftp/list`),
      open: graph.client(ftpTypes.open, `${namespace}/ftp/open`),
      read: graph.client(ftpTypes.read, `${namespace}/ftp/read`),
      close: graph.client(ftpTypes.close, `${namespace}/ftp/close`),
      remove: graph.client(ftpTypes.remove, `${namespace}/ftp/remove`),
      checksum: graph.client(ftpTypes.checksum, `${namespace}/ftp/checksum`),
    };
  }

  /** Any of the services has answered at some time. */
  get served(): boolean {
    return this.#served;
  }

  list(path: string, signal: AbortSignal): Promise<MavrosEntry[]> {
    return this.#hold(signal, async () => {
      await this.#sync(signal);
      const client = this.#clients.list;
      const request = { dir_path: path };
      const { answer } = await this.#granted({
        service: 'list',
        client,
        request,
        path,
        limit: LONG_TIMEOUT_MS,
        signal,
      });
      return answer.list.map(({ name, type, size }) =>
        type === FOLDER_ENTRY
          ? { kind: 'folder', name, size: 0 }
          : { kind: 'file', name, size: Number(size) },
      );
    });
  }

  /** Returns the file's size in bytes. The file has to be released. */
  open(path: string, signal: AbortSignal): Promise<number> {
    return this.#hold(signal, async () => {
      await this.#sync(signal);
      for (const left of new Set([...this.#unclosed, path])) await this.#close(left, signal);
      await this.#sync(signal);
      const size = await this.#openClosed(path, signal);
      if (signal.aborted) await this.#close(path, never);
      return size;
    });
  }

  /** Up to `size` bytes, and how many ms that took. No bytes: the end of the file, or a MAVROS that cannot read. */
  read(path: string, offset: number, size: number, signal: AbortSignal): Promise<Answered<Uint8Array>> {
    return this.#hold(signal, async () => {
      const client = this.#clients.read;
      const request = { file_path: path, offset: BigInt(offset), size: BigInt(size) };
      const limit = readTimeoutMs(size);
      const { answer, took } = await this.#granted({ service: 'read', client, request, path, limit, signal });
      return { answer: Uint8Array.from(answer.data), took };
    });
  }

  /** Closes the file; if `urgent`, only within `RELEASE_TIMEOUT_MS` (else the next open closes it). */
  async release(path: string, urgent: boolean): Promise<void> {
    const { clock, lock } = this.#options;
    const begun = clock.monotonic();
    const isLate = () => urgent && clock.monotonic() - begun > RELEASE_TIMEOUT_MS;
    this.#unclosed.add(path);
    const released = this.#hold(never, async () => {
      await lock.waitForRest(never);
      if (!isLate()) await this.#close(path, never);
    }).catch(() => undefined);
    this.#releases.add(released);
    await released;
    this.#releases.delete(released);
  }

  /** CRC-32 as CalcFileCRC32 defines it; `size` limits how late its reply may come. */
  checksum(path: string, size: number, signal: AbortSignal): Promise<number> {
    return this.#hold(signal, async () => {
      await this.#sync(signal);
      const client = this.#clients.checksum;
      const call = {
        service: 'checksum',
        client,
        request: { file_path: path },
        path,
        limit: LONG_TIMEOUT_MS,
        signal,
      };
      try {
        return (await this.#granted(call)).answer.crc32;
      } catch (error) {
        if (!(error instanceof FtpRefusal)) this.#options.lock.rest(SETTLE_MS + size / MIN_CARD_BYTES_PER_MS);
        throw error;
      }
    });
  }

  remove(path: string, signal: AbortSignal): Promise<void> {
    return this.#hold(signal, async () => {
      await this.#sync(signal);
      const client = this.#clients.remove;
      const request = { file_path: path };
      await this.#granted({ service: 'remove', client, request, path, limit: SHORT_TIMEOUT_MS, signal });
    });
  }

  /** Resolves when the released files are closed, after `CLOSE_TIMEOUT_MS` at the latest. */
  async settle(): Promise<void> {
    const { clock } = this.#options;
    await withinTime(Promise.all(this.#releases), { ms: CLOSE_TIMEOUT_MS, clock });
  }

  #hold<Value>(signal: AbortSignal, work: () => Promise<Value>): Promise<Value> {
    return this.#options.lock.hold(signal, work);
  }

  async #openClosed(path: string, signal: AbortSignal): Promise<number> {
    this.#unclosed.add(path);
    const request = { file_path: path, mode: 0 };
    const arrived = ({ size }: OpenAnswer) => size > 0;
    const call = {
      service: 'open',
      client: this.#clients.open,
      request,
      path,
      limit: SHORT_TIMEOUT_MS,
      signal,
      isSuccess: arrived,
    };
    const { answer } = await this.#granted(call);
    this.#unclosed.delete(path);
    return answer.size;
  }

  /** A refusal counts as closed: the file was not open. */
  async #close(path: string, signal: AbortSignal): Promise<void> {
    this.#unclosed.add(path);
    const client = this.#clients.close;
    await this.#call({
      service: 'close',
      client,
      request: { file_path: path },
      path,
      limit: SHORT_TIMEOUT_MS,
      signal,
    });
    this.#unclosed.delete(path);
  }

  /** Removes a file that does not exist: the one request that accepts any reply, so it consumes a stale one. */
  async #sync(signal: AbortSignal): Promise<void> {
    for (let attempts = 0; this.#suspect; attempts++) {
      if (attempts === MAX_SYNC_ATTEMPTS) throw lostPacket(NO_SUCH_FILE, 'remove');
      const client = this.#clients.remove;
      const request = { file_path: NO_SUCH_FILE };
      await this.#call({
        service: 'remove',
        client,
        request,
        path: NO_SUCH_FILE,
        limit: SHORT_TIMEOUT_MS,
        signal,
      });
    }
  }

  async #granted<Request extends object, Answer extends FtpAnswer>(
    call: Call<Request, Answer>,
  ): Promise<Answered<Answer>> {
    const { service, path, limit, isSuccess: arrived } = call;
    const answered = await this.#call(call);
    const { answer, took } = answered;
    if (answer.success || arrived?.(answer)) return answered;
    if (isUnsettled(answer, took, limit)) throw lostPacket(path, service);
    throw new FtpRefusal(service, answer);
  }

  /** To be called by the lock's holder. Our own caller's abort keeps it from beginning, and does not cut it off. */
  async #call<Request extends object, Answer extends FtpAnswer>(
    call: Call<Request, Answer>,
  ): Promise<Answered<Answer>> {
    const { service, client, request, limit, signal } = call;
    const { lock, clock } = this.#options;
    await lock.waitForRest(signal);
    throwIfAborted(signal);
    const begun = clock.monotonic();
    try {
      const answer = await client.call(request, { timeout: limit + MARGIN_MS, signal: never });
      const took = clock.monotonic() - begun;
      this.#log(call, answer.success ? 'ok' : `r_errno ${answer.r_errno}`, took);
      this.#note(service, answer, isUnsettled(answer, took, limit) && !call.isSuccess?.(answer));
      return { answer, took };
    } catch (error) {
      this.#log(call, toFileSyncError(error).kind, clock.monotonic() - begun);
      throw this.#unanswered(service, limit, error);
    }
  }

  #log({ service, path }: { service: string; path: string }, result: string, ms: number): void {
    const { graph, namespace } = this.#options;
    graph.logger.log('debug', `${namespace}/ftp/${service} ${path}: ${result} after ${Math.round(ms)} ms`);
  }

  #note(service: string, { success, r_errno }: FtpAnswer, unsettled: boolean): void {
    this.#served = true;
    if (unsettled) {
      this.#options.lock.rest(SETTLE_MS);
      this.#suspect = true;
      return;
    }
    // Only `close` and `read` are refused by MAVROS itself with NOT_OPEN; after any other call the number is stale.
    const wentOut = success || r_errno !== Errno.NOT_OPEN || (service !== 'close' && service !== 'read');
    if (wentOut) this.#suspect = false;
  }

  /** The request may have reached MAVROS although there is no answer. */
  #unanswered(service: string, limit: number, thrown: unknown): unknown {
    const { lock, namespace } = this.#options;
    this.#suspect = true;
    if (!(thrown instanceof FileSyncError)) return thrown;
    const name = `${namespace}/ftp/${service}`;
    if (thrown.kind === 'unavailable') return noService(name, thrown);
    lock.rest(limit + SETTLE_MS);
    if (thrown.kind !== 'timeout') return thrown;
    const remedy = 'MAVROS hangs or has died: start it again';
    return new FileSyncError('unavailable', `${name} does not answer: ${remedy}`, { cause: thrown });
  }
}

function noService(name: string, cause: unknown): FileSyncError {
  const remedy =
    'start MAVROS, correct namespace, or take "ftp" off its list of denied plugins (transport: endpoint does without)';
  return new FileSyncError('unavailable', `service ${name} is not available: ${remedy}`, { cause });
}
