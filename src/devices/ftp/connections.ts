import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import { withDeadline } from '../../system/deadline.js';
import { isFull, toFtpError, type Peer } from './errors.js';
import type { FtpPool } from './pool.js';
import { FtpSession, type Login } from './session.js';

/** How long a server needs to notice that connections are closed. */
const SERVER_CLOSING_MS = 500;

export interface ConnectionSettings extends Peer {
  readonly login: Login;
}

/** The connections of one end of a device. Each serves one operation at a time and is kept for the next one. */
export class FtpConnections {
  readonly #settings: ConnectionSettings;
  readonly #pool: FtpPool;
  readonly #working = new Set<FtpSession>();
  #closed = false;

  constructor(settings: ConnectionSettings, pool: FtpPool) {
    this.#settings = settings;
    this.#pool = pool;
  }

  /** Does the work on a connection, unless an operation of the device is in progress. */
  probe(
    details: ErrorDetails,
    signal: AbortSignal,
    work: (session: FtpSession) => Promise<unknown>,
  ): Promise<void> {
    return this.#pool.probe(() => this.#run(details, signal, work));
  }

  /**
   * Does the work on an open connection. Rejects at once with `cancelled` when the signal aborts. After any failure the
   * connection is closed: a late reply would be taken for the answer to the next command.
   */
  async use<T>(
    details: ErrorDetails,
    signal: AbortSignal,
    work: (session: FtpSession) => Promise<T>,
  ): Promise<T> {
    await this.#probed(signal);
    return this.#run(details, signal, work);
  }

  async #run<T>(
    details: ErrorDetails,
    signal: AbortSignal,
    work: (session: FtpSession) => Promise<T>,
  ): Promise<T> {
    const session = this.#lend(details, signal);
    try {
      const result = await withDeadline(this.#start(session, details, work), { signal });
      this.#keep(session);
      return result;
    } catch (error) {
      throw this.#closeAfter(session, error, details, signal);
    } finally {
      this.#return(session);
    }
  }

  async #probed(signal: AbortSignal): Promise<void> {
    const { probing } = this.#pool;
    if (probing) await withDeadline(probing, { signal });
  }

  /** As `use`, until the last item is read; the connection is closed if the reader leaves earlier. */
  async *stream<T>(
    details: ErrorDetails,
    signal: AbortSignal,
    work: (session: FtpSession) => AsyncGenerator<T, unknown>,
  ): AsyncGenerator<T, void> {
    await this.#probed(signal);
    const session = this.#lend(details, signal);
    let whole = false;
    try {
      const items = await withDeadline(this.#start(session, details, work), { signal });
      yield* untilAborted(items, signal);
      whole = true;
    } catch (error) {
      throw this.#closeAfter(session, error, details, signal);
    } finally {
      this.#return(session);
      if (whole) this.#keep(session);
      else session.close();
    }
  }

  /** Operations in progress reject with `cancelled`. */
  close(): void {
    this.#closed = true;
    this.#pool.closeIdle();
    for (const session of this.#working) session.close();
  }

  /** Starts the work on a connection that is open and logged in. */
  async #start<T>(session: FtpSession, details: ErrorDetails, work: (session: FtpSession) => T): Promise<T> {
    if (!(await session.isAlive())) await this.#open(session, details);
    return work(session);
  }

  /** When the server accepts no more connections, those that are idle are closed, and it is asked once more. */
  async #open(session: FtpSession, details: ErrorDetails): Promise<void> {
    try {
      await this.#inTime(session.open(), details);
    } catch (error) {
      if (!isFull(error) || this.#pool.makeSpace() === 0) throw error;
      await this.#settings.login.clock.sleep(SERVER_CLOSING_MS);
      await this.#inTime(session.open(), details);
    }
  }

  #return(session: FtpSession): void {
    this.#working.delete(session);
    this.#pool.ended();
  }

  #lend(details: ErrorDetails, signal: AbortSignal): FtpSession {
    throwIfAborted(signal, { ...details, device: this.#settings.device });
    if (this.#closed) throw this.#cancelled(details);
    const session = this.#pool.take() ?? new FtpSession(this.#settings.login);
    this.#working.add(session);
    return session;
  }

  /** Closes the connection after an error, and translates the error. */
  #closeAfter(
    session: FtpSession,
    error: unknown,
    details: ErrorDetails,
    signal: AbortSignal,
  ): FileSyncError {
    session.close();
    if (isFull(error)) this.#pool.closeIdle();
    if (signal.aborted || this.#closed) return this.#cancelled(details, error);
    return toFtpError(error, this.#settings, session.encryption, details);
  }

  #keep(session: FtpSession): void {
    session.used();
    if (this.#closed) session.close();
    else this.#pool.keep(session);
  }

  /** A server can be silent during a TLS handshake, where basic-ftp has no timeout. */
  async #inTime(opening: Promise<void>, details: ErrorDetails): Promise<void> {
    const { host, login, device } = this.#settings;
    const { clock, timeout: ms } = login;
    const message = `${host}: no login within ${ms / 1000} s: check the port, and the load of the server`;
    const late = () => new FileSyncError('unavailable', message, { ...details, device });
    await withDeadline(opening, { clock, ms, late });
  }

  #cancelled(details: ErrorDetails, cause?: unknown): FileSyncError {
    return new FileSyncError('cancelled', 'cancelled', { ...details, device: this.#settings.device, cause });
  }
}

/** The items, or a rejection as soon as the signal aborts. */
async function* untilAborted<T>(
  items: AsyncGenerator<T, unknown>,
  signal: AbortSignal,
): AsyncGenerator<T, void> {
  for (;;) {
    const next = await withDeadline(items.next(), { signal });
    if (next.done) return;
    yield next.value;
    throwIfAborted(signal);
  }
}
