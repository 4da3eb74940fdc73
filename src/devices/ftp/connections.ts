import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import { withDeadline } from '../../system/deadline.js';
import { toFtpError, type Peer } from './errors.js';
import { FtpSession, type Login } from './session.js';

export interface ConnectionSettings extends Peer {
  readonly login: Login;
}

/** A pool of connections to one server. Each serves one operation at a time and is kept for the next one. */
export class FtpConnections {
  readonly #settings: ConnectionSettings;
  readonly #idle: FtpSession[] = [];
  readonly #working = new Set<FtpSession>();
  #closed = false;

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
  }

  /** Whether an operation is in progress. */
  get busy(): boolean {
    return this.#working.size > 0;
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
    const session = this.#lend(details, signal);
    try {
      const result = await withDeadline(this.#start(session, details, work), { signal });
      this.#keep(session);
      return result;
    } catch (error) {
      throw this.#closeAfter(session, error, details, signal);
    } finally {
      this.#working.delete(session);
    }
  }

  /** As `use`, until the last item is read; the connection is closed if the reader leaves earlier. */
  async *stream<T>(
    details: ErrorDetails,
    signal: AbortSignal,
    work: (session: FtpSession) => AsyncGenerator<T, unknown>,
  ): AsyncGenerator<T, void> {
    const session = this.#lend(details, signal);
    let whole = false;
    try {
      const items = await withDeadline(this.#start(session, details, work), { signal });
      yield* untilAborted(items, signal);
      whole = true;
    } catch (error) {
      throw this.#closeAfter(session, error, details, signal);
    } finally {
      this.#working.delete(session);
      if (whole) this.#keep(session);
      else session.close();
    }
  }

  /** Operations in progress reject with `cancelled`. */
  close(): void {
    this.#closed = true;
    for (const session of [...this.#idle.splice(0), ...this.#working]) session.close();
  }

  /** Starts the work on a connection that is open and logged in. */
  async #start<T>(session: FtpSession, details: ErrorDetails, work: (session: FtpSession) => T): Promise<T> {
    if (!(await session.isAlive())) await this.#inTime(session.open(), details);
    return work(session);
  }

  #lend(details: ErrorDetails, signal: AbortSignal): FtpSession {
    throwIfAborted(signal, { ...details, device: this.#settings.device });
    if (this.#closed) throw this.#cancelled(details);
    const session = this.#idle.pop() ?? new FtpSession(this.#settings.login);
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
    if (signal.aborted || this.#closed) return this.#cancelled(details, error);
    return toFtpError(error, this.#settings, session.encryption, details);
  }

  #keep(session: FtpSession): void {
    session.used();
    if (this.#closed) session.close();
    else this.#idle.push(session);
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
