import { FileSyncError } from '../../errors.js';
import type { Clock } from '../../ports.js';
import { withDeadline } from '../../system/deadline.js';

/** ms after a connection was closed in which its server may still count it. */
const CLOSING_MS = 5_000;
/** ms before the second attempt to connect; each further pause is twice as long. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSES = 5;
const MAX_PAUSES_BESIDE_OTHERS = 2;
/** ms for which a limit is remembered: it may be due to other clients of the server. */
const REMEMBERED_MS = 600_000;
/** ms. A transfer that holds one connection and needs another one would wait for itself. */
const MAX_WAIT_MS = 120_000;

/** Idle connections. */
interface Idle {
  /** Closes them and returns how many there were. */
  closeIdle(): number;
}

/**
 * What this program has open at one server, all devices together. Some servers admit few connections of a client: how many
 * is found out by a refusal, and from then on operations wait for each other.
 */
export class Admission {
  readonly #clock: Clock;
  readonly #idle = new Set<Idle>();
  readonly #waiting = new Set<() => void>();
  #working = 0;
  #limit = Infinity;
  /** Monotonic ms. */
  #limitedUntil = -Infinity;
  /** Monotonic ms. At the start, another run of the program may just have ended. */
  #closedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#closedAt = clock.monotonic();
  }

  /** Whether the server admits no operation besides those in progress, as far as is known. */
  get isFull(): boolean {
    if (this.#clock.monotonic() >= this.#limitedUntil) this.#limit = Infinity;
    return this.#working >= this.#limit;
  }

  /** Resolves when an operation may use a connection; `leave` ends it. Rejects with `busy` after MAX_WAIT_MS. */
  async enter(signal: readonly AbortSignal[], late: (limit: number) => FileSyncError): Promise<void> {
    if (!this.isFull) return void this.#working++;
    await withDeadline(over => this.#turn(over), {
      signal,
      clock: this.#clock,
      ms: MAX_WAIT_MS,
      late: () => late(this.#limit),
      discard: () => this.leave(),
    });
  }

  leave(): void {
    this.#working--;
    for (const turn of this.#waiting) {
      if (this.isFull) return;
      this.#waiting.delete(turn);
      this.#working++;
      turn();
    }
  }

  /** Connections of it stay open without an operation. */
  kept(idle: Idle): void {
    this.#idle.add(idle);
  }

  /** A connection was closed. */
  closed(): void {
    this.#closedAt = this.#clock.monotonic();
  }

  /**
   * To be called when the server has refused a connection to an operation. Closes the idle connections, those of other devices
   * included. Resolves, when the next attempt is due, to what may help: `again` now, or to `wait` for the end of another
   * operation (`leave` and `enter`).
   */
  async refused(pauses: number, signal: AbortSignal): Promise<'again' | 'wait' | 'give up'> {
    const closed = [...this.#idle].reduce((count, idle) => count + idle.closeIdle(), 0);
    this.#idle.clear();
    const now = this.#clock.monotonic();
    const others = this.#working - 1;
    const isClosing = closed > 0 || now - this.#closedAt < CLOSING_MS;
    if (isClosing && pauses < (others > 0 ? MAX_PAUSES_BESIDE_OTHERS : MAX_PAUSES)) {
      await this.#clock.sleep(FIRST_PAUSE_MS * 2 ** pauses, signal);
      return 'again';
    }
    if (others === 0) return 'give up';
    this.#limit = others;
    this.#limitedUntil = now + REMEMBERED_MS;
    return 'wait';
  }

  #turn(over: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.add(resolve);
      over.addEventListener('abort', () => this.#waiting.delete(resolve), { once: true });
    });
  }
}

const admissions = new Map<string, Admission>();

/** @param host name and port */
export function admissionTo(host: string, clock: Clock): Admission {
  const known = admissions.get(host) ?? new Admission(clock);
  admissions.set(host, known);
  return known;
}
