import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import { itemsUntilAborted, withDeadline } from '../../system/deadline.js';
import { toSftpError, type SftpPeer } from './errors.js';
import { SftpSession, type SessionSettings } from './session.js';

export interface ConnectionSettings extends SftpPeer {
  readonly session: SessionSettings;
}

/** What both ends of one device share. */
export class SftpPool {
  readonly #idle: SftpSession[] = [];
  #working = 0;
  /** By which command a shell of the server computes SHA-256; undefined before it was asked. */
  hasher: string | false | undefined;

  get isWorking(): boolean {
    return this.#working > 0;
  }

  take(): SftpSession | undefined {
    return this.#idle.pop();
  }

  keep(session: SftpSession): void {
    this.#idle.push(session);
  }

  began(): void {
    this.#working++;
  }

  ended(): void {
    this.#working--;
  }

  closeIdle(): void {
    for (const session of this.#idle.splice(0)) session.close();
  }
}

/** The connections of one end of a device. Each serves one operation at a time and is kept for the next one. */
export class SftpConnections {
  readonly pool: SftpPool;
  readonly #settings: ConnectionSettings;
  readonly #working = new Set<SftpSession>();
  readonly #closing = new AbortController();

  constructor(settings: ConnectionSettings, pool: SftpPool) {
    this.#settings = settings;
    this.pool = pool;
  }

  get host(): string {
    return this.#settings.host;
  }

  /**
   * Does the work on an open connection. Rejects at once with `cancelled` when the signal aborts. After any failure the
   * connection is closed: requests may still be on their way.
   */
  async use<T>(
    details: ErrorDetails,
    signal: AbortSignal,
    work: (session: SftpSession) => Promise<T>,
  ): Promise<T> {
    const session = await this.#connected(details, signal);
    const over = new AbortController();
    try {
      session.watch(over.signal).catch(ignore);
      const result = await withDeadline(work(session), { signal });
      this.#keep(session);
      return result;
    } catch (error) {
      throw this.#closeAfter(session, error, details, signal);
    } finally {
      over.abort();
      this.#return(session);
    }
  }

  /** As `use`, until the last item is read; the connection is closed if the reader leaves earlier. */
  async *stream<T>(
    details: ErrorDetails,
    signal: AbortSignal,
    work: (session: SftpSession) => AsyncGenerator<T, unknown>,
  ): AsyncGenerator<T, void> {
    const session = await this.#connected(details, signal);
    const over = new AbortController();
    let whole = false;
    try {
      session.watch(over.signal).catch(ignore);
      yield* itemsUntilAborted(work(session), signal);
      whole = true;
    } catch (error) {
      throw this.#closeAfter(session, error, details, signal);
    } finally {
      over.abort();
      if (whole) this.#keep(session);
      else session.close();
      this.#return(session);
    }
  }

  /** Operations in progress reject with `cancelled`. */
  close(): void {
    this.#closing.abort();
    this.pool.closeIdle();
    for (const session of this.#working) session.close();
  }

  async #connected(details: ErrorDetails, signal: AbortSignal): Promise<SftpSession> {
    throwIfAborted(signal, { ...details, device: this.#settings.device });
    if (this.#closing.signal.aborted) throw this.#cancelled(details);
    this.pool.began();
    for (let session = this.pool.take(); ; session = this.pool.take()) {
      const isNew = session === undefined;
      session ??= new SftpSession(this.#settings.session);
      this.#working.add(session);
      try {
        if (await withDeadline(this.#ready(session, isNew), { signal })) return session;
        this.#working.delete(session);
      } catch (error) {
        this.#return(session);
        throw this.#closeAfter(session, error, details, signal);
      }
    }
  }

  /** False for a kept connection that has ended meanwhile. */
  async #ready(session: SftpSession, isNew: boolean): Promise<boolean> {
    if (!isNew) return session.isAlive();
    const { clock, timeout: ms } = this.#settings.session;
    const { host, device } = this.#settings;
    const message = `${host}: no login within ${ms / 1000} s: check the port, and the load of the server`;
    await withDeadline(session.open(), {
      clock,
      ms,
      late: () => new FileSyncError('unavailable', message, { device }),
    });
    return true;
  }

  #return(session: SftpSession): void {
    this.#working.delete(session);
    this.pool.ended();
  }

  /** Closes the connection after an error, and translates the error. */
  #closeAfter(
    session: SftpSession,
    error: unknown,
    details: ErrorDetails,
    signal: AbortSignal,
  ): FileSyncError {
    session.close();
    if (signal.aborted || this.#closing.signal.aborted) return this.#cancelled(details, error);
    return toSftpError(error, this.#settings, details);
  }

  #keep(session: SftpSession): void {
    session.used();
    if (this.#closing.signal.aborted) session.close();
    else this.pool.keep(session);
  }

  #cancelled(details: ErrorDetails, cause?: unknown): FileSyncError {
    return new FileSyncError('cancelled', 'cancelled', { ...details, device: this.#settings.device, cause });
  }
}

/** Of a watch that has ended. */
function ignore(): void {}
