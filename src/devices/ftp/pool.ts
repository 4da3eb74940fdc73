import type { FtpSession } from './session.js';

/** The idle connections of one device, which both of its ends share: some servers let in one connection per client. */
export class FtpPool {
  readonly #idle: FtpSession[] = [];
  readonly #host: string;
  #working = 0;
  #probe: Promise<unknown> | undefined;

  /** @param host name and port: all pools to it make space for each other */
  constructor(host: string) {
    this.#host = host;
  }

  /** Whether an operation of either end is in progress. */
  get busy(): boolean {
    return this.#working > 0;
  }

  /** Settles when the probe in progress ends, which may hold the only connection; undefined if there is none. */
  get probing(): Promise<unknown> | undefined {
    return this.#probe?.catch(ignore);
  }

  /** Does a probe, unless an operation shows whether the server is there. */
  async probe(work: () => Promise<unknown>): Promise<void> {
    if (this.busy) return;
    await (this.#probe = work().finally(() => (this.#probe = undefined)));
  }

  take(): FtpSession | undefined {
    this.#working++;
    return this.#idle.pop();
  }

  /** The operation on a connection has ended. */
  ended(): void {
    this.#working--;
  }

  keep(session: FtpSession): void {
    this.#idle.push(session);
    poolsOf(this.#host).add(this);
  }

  closeIdle(): number {
    const idle = this.#idle.splice(0);
    for (const session of idle) session.close();
    poolsOf(this.#host).delete(this);
    return idle.length;
  }

  /** Closes the idle connections to the server, those of other devices included, which a lock may hand over to this one. */
  makeSpace(): number {
    return [...poolsOf(this.#host)].reduce((count, pool) => count + pool.closeIdle(), 0);
  }
}

const pools = new Map<string, Set<FtpPool>>();

/** The pools that have idle connections to the server. */
function poolsOf(host: string): Set<FtpPool> {
  const known = pools.get(host) ?? new Set();
  pools.set(host, known);
  return known;
}

/** A probe reports its own failure. */
function ignore(): void {}
