import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import { withDeadline } from '../../system/deadline.js';
import { toFtpError, type Peer } from './errors.js';
import { FtpSession, type Login } from './session.js';

export interface ConnectionSettings extends Peer {
  readonly login: Login;
}

/** Connections to one server: each serves one operation at a time and is kept for the next one. */
export class FtpConnections {
  readonly #settings: ConnectionSettings;
  readonly #idle: FtpSession[] = [];
  readonly #working = new Set<FtpSession>();
  #closed = false;

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
  }

  /** Whether an operation is under way. */
  get busy(): boolean {
    return this.#working.size > 0;
  }

  /**
   * Lends a live connection to `work`. When the signal aborts it rejects at once with `cancelled`. After any failure
   * the connection is given up: a late reply would be taken for the answer to the next command.
   */
  async use<T>(
    details: ErrorDetails,
    signal: AbortSignal,
    work: (session: FtpSession) => Promise<T>,
  ): Promise<T> {
    const session = this.#lend(details, signal);
    try {
      const result = await withDeadline(this.#begin(session, details, work), { signal });
      this.#keep(session);
      return result;
    } catch (error) {
      throw this.#given(session, error, details, signal);
    } finally {
      this.#working.delete(session);
    }
  }

  /** Likewise, for as long as the items are taken; a reader that leaves early costs the connection. */
  async *stream<T>(
    details: ErrorDetails,
    signal: AbortSignal,
    work: (session: FtpSession) => AsyncGenerator<T, unknown>,
  ): AsyncGenerator<T, void> {
    const session = this.#lend(details, signal);
    let whole = false;
    try {
      const items = await withDeadline(this.#begin(session, details, work), { signal });
      yield* untilAborted(items, signal);
      whole = true;
    } catch (error) {
      throw this.#given(session, error, details, signal);
    } finally {
      this.#working.delete(session);
      if (whole) this.#keep(session);
      else session.close();
    }
  }

  /** Ends what is under way with `cancelled`; a second call does nothing. */
  close(): void {
    this.#closed = true;
    for (const session of [...this.#idle.splice(0), ...this.#working]) session.close();
  }

  /** The work, begun on a connection that stands. */
  async #begin<T>(session: FtpSession, details: ErrorDetails, work: (session: FtpSession) => T): Promise<T> {
    if (!(await session.answers())) await this.#inTime(session.open(), details);
    return work(session);
  }

  #lend(details: ErrorDetails, signal: AbortSignal): FtpSession {
    throwIfAborted(signal, { ...details, device: this.#settings.device });
    if (this.#closed) throw this.#cancelled(details);
    const session = this.#idle.pop() ?? new FtpSession(this.#settings.login);
    this.#working.add(session);
    return session;
  }

  /** Gives the connection up over an error, and says what it means. */
  #given(session: FtpSession, error: unknown, details: ErrorDetails, signal: AbortSignal): FileSyncError {
    session.close();
    if (signal.aborted || this.#closed) return this.#cancelled(details, error);
    return toFtpError(error, this.#settings, session.encryption, details);
  }

  #keep(session: FtpSession): void {
    session.used();
    if (this.#closed) session.close();
    else this.#idle.push(session);
  }

  /** A server can be silent in the middle of a TLS handshake, where basic-ftp waits without a limit. */
  async #inTime(opening: Promise<void>, details: ErrorDetails): Promise<void> {
    const { host, login, device } = this.#settings;
    const { clock, timeout: ms } = login;
    const message = `${host} gave no login within ${ms / 1000} s: check the port, and what keeps the server busy`;
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
