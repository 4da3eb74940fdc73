import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import { itemsUntilAborted, withDeadline } from '../../system/deadline.js';
import { isFull, toFtpError, type FtpPeer } from './errors.js';
import type { FtpPool } from './pool.js';
import { FtpSession, type Login } from './session.js';

export interface ConnectionSettings extends FtpPeer {
  readonly login: Login;
}

/** The connections of one end of a device. Each serves one operation at a time and is kept for the next one. */
export class FtpConnections {
  readonly #settings: ConnectionSettings;
  readonly #pool: FtpPool;
  readonly #working = new Set<FtpSession>();
  readonly #closing = new AbortController();

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
    const session = await this.#connected(details, signal);
    try {
      const result = await withDeadline(work(session), { signal });
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
    const session = await this.#connected(details, signal);
    let whole = false;
    try {
      yield* itemsUntilAborted(work(session), signal);
      whole = true;
    } catch (error) {
      throw this.#closeAfter(session, error, details, signal);
    } finally {
      if (whole) this.#keep(session);
      else this.#close(session);
      this.#return(session);
    }
  }

  /** Operations in progress reject with `cancelled`. */
  close(): void {
    this.#closing.abort();
    this.#pool.closeIdle();
    for (const session of this.#working) session.close();
  }

  /** A connection that is open and logged in. One more than the server admits is waited for. */
  async #connected(details: ErrorDetails, signal: AbortSignal): Promise<FtpSession> {
    for (;;) {
      await this.#begin(details, signal);
      let session: FtpSession | undefined;
      try {
        session = await this.#admitted(details, signal);
        if (session) return session;
      } finally {
        if (!session) this.#pool.ended();
      }
    }
  }

  async #begin(details: ErrorDetails, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal, { ...details, device: this.#settings.device });
    if (this.#closing.signal.aborted) throw this.#cancelled(details);
    await this.#pool.begin([signal, this.#closing.signal], limit => this.#full(limit, details));
  }

  /** Undefined if the server admits no connection besides those that are in use. */
  async #admitted(details: ErrorDetails, signal: AbortSignal): Promise<FtpSession | undefined> {
    for (let pauses = 0; ; pauses++) {
      const session = this.#pool.take() ?? new FtpSession(this.#settings.login);
      this.#working.add(session);
      try {
        await withDeadline(this.#open(session, details), { signal });
        return session;
      } catch (error) {
        this.#working.delete(session);
        const failure = this.#closeAfter(session, error, details, signal);
        if (!isFull(error) || failure.kind === 'cancelled') throw failure;
        const refused = (over: AbortSignal) => this.#pool.admission.refused(pauses, over);
        const next = await withDeadline(refused, { signal: [signal, this.#closing.signal] });
        if (next === 'give up') throw failure;
        if (next === 'wait') return undefined;
      }
    }
  }

  async #open(session: FtpSession, details: ErrorDetails): Promise<void> {
    if (!(await session.isAlive())) await this.#inTime(session.open(), details);
  }

  #return(session: FtpSession): void {
    this.#working.delete(session);
    this.#pool.ended();
  }

  /** Closes the connection after an error, and translates the error. */
  #closeAfter(
    session: FtpSession,
    error: unknown,
    details: ErrorDetails,
    signal: AbortSignal,
  ): FileSyncError {
    this.#close(session);
    if (isFull(error)) this.#pool.closeIdle();
    if (signal.aborted || this.#closing.signal.aborted) return this.#cancelled(details, error);
    return toFtpError(error, this.#settings, session.encryption, details);
  }

  #keep(session: FtpSession): void {
    session.used();
    if (this.#closing.signal.aborted) this.#close(session);
    else this.#pool.keep(session);
  }

  #close(session: FtpSession): void {
    if (session.hasLoggedIn) this.#pool.admission.closed();
    session.close();
  }

  /** A server can be silent during a TLS handshake, where basic-ftp has no timeout. */
  async #inTime(opening: Promise<void>, details: ErrorDetails): Promise<void> {
    const { host, login, device } = this.#settings;
    const { clock, timeout: ms } = login;
    const message = `${host}: no login within ${ms / 1000} s: check the port, and the load of the server`;
    const late = () => new FileSyncError('unavailable', message, { ...details, device });
    await withDeadline(opening, { clock, ms, late });
  }

  #full(limit: number, details: ErrorDetails): FileSyncError {
    const { host, device } = this.#settings;
    const remedy = 'wait, or set via: local in rules whose files come from this server and go to it';
    const inUse = `${host} admits ${limit} at once, and all its connections are in use: ${remedy}`;
    return new FileSyncError('busy', inUse, { ...details, device });
  }

  #cancelled(details: ErrorDetails, cause?: unknown): FileSyncError {
    return new FileSyncError('cancelled', 'cancelled', { ...details, device: this.#settings.device, cause });
  }
}
