import type { Admission } from './admission.js';
import type { FtpSession } from './session.js';

/** The idle connections of one device, which both of its ends share: some servers admit one connection per client. */
export class FtpPool {
  readonly admission: Admission;
  readonly #idle: FtpSession[] = [];
  #working = 0;
  #probe: Promise<unknown> | undefined;

  /** @param admission shared by all pools to the same server */
  constructor(admission: Admission) {
    this.admission = admission;
  }

  /** Settles when the probe in progress ends, which may hold the only connection; undefined if there is none. */
  get probing(): Promise<unknown> | undefined {
    return this.#probe?.catch(ignore);
  }

  /** Does a probe, unless operations show that the server is there: those of this device, or all that it admits. */
  async probe(work: () => Promise<unknown>): Promise<void> {
    if (this.#working > 0 || this.admission.isFull) return;
    await (this.#probe = work().finally(() => (this.#probe = undefined)));
  }

  /** Resolves when an operation may use a connection; `ended` ends it. As `Admission.enter`. */
  async begin(...how: Parameters<Admission['enter']>): Promise<void> {
    await this.admission.enter(...how);
    this.#working++;
  }

  take(): FtpSession | undefined {
    return this.#idle.pop();
  }

  ended(): void {
    this.#working--;
    this.admission.leave();
  }

  keep(session: FtpSession): void {
    this.#idle.push(session);
    this.admission.kept(this);
  }

  closeIdle(): number {
    const idle = this.#idle.splice(0);
    for (const session of idle) session.close();
    if (idle.length > 0) this.admission.closed();
    return idle.length;
  }
}

/** A probe reports its own failure. */
function ignore(): void {}
