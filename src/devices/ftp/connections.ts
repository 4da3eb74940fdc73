import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
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
    throwIfAborted(signal, { ...details, device: this.#settings.device });
    if (this.#closed) throw this.#cancelled(details);
    const session = this.#idle.pop() ?? new FtpSession(this.#settings.login);
    this.#working.add(session);
    try {
      const result = await orAborted(this.#run(session, work), signal);
      this.#keep(session);
      return result;
    } catch (error) {
      session.close();
      if (signal.aborted || this.#closed) throw this.#cancelled(details, error);
      throw toFtpError(error, this.#settings, session.encryption, details);
    } finally {
      this.#working.delete(session);
    }
  }

  /** Ends what is under way with `cancelled`; a second call does nothing. */
  close(): void {
    this.#closed = true;
    for (const session of [...this.#idle.splice(0), ...this.#working]) session.close();
  }

  async #run<T>(session: FtpSession, work: (session: FtpSession) => Promise<T>): Promise<T> {
    if (!(await session.answers())) await this.#inTime(session.open());
    return work(session);
  }

  #keep(session: FtpSession): void {
    if (this.#closed) session.close();
    else this.#idle.push(session);
  }

  /** A server can be silent in the middle of a TLS handshake, where basic-ftp waits without a limit. */
  async #inTime(opening: Promise<void>): Promise<void> {
    const { clock, timeout } = this.#settings.login;
    const opened = new AbortController();
    const late = clock.sleep(timeout, opened.signal).then(() => {
      throw new Error(`no login within ${timeout / 1000} s`);
    });
    try {
      await Promise.race([opening, late]);
    } finally {
      opened.abort();
    }
  }

  #cancelled(details: ErrorDetails, cause?: unknown): FileSyncError {
    return new FileSyncError('cancelled', 'cancelled', { ...details, device: this.#settings.device, cause });
  }
}

/** The work's outcome, or a rejection as soon as the signal aborts. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const ended = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), {
      once: true,
      signal: ended.signal,
    });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    ended.abort();
  }
}
