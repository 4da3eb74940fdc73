import type { Clock } from '../ports.js';
import { Nak, type Requester } from './exchange.js';
import type { SessionFile } from './open-file.js';
import type { SessionRules } from './personality.js';

export interface Session {
  readonly id: number;
  readonly owner: string;
  readonly file: SessionFile;
  readonly mode: 'read' | 'write';
  /** Monotonic ms of the last activity. */
  used: number;
  closed: boolean;
  /** Where a burst continues after a read of another client has moved the file's position; undefined: where it was. */
  position: number | undefined;
}

/** The open files and their owners. */
export class Sessions {
  readonly #rules: SessionRules;
  readonly #clock: Clock;
  readonly #open = new Map<string, Session>();

  constructor(rules: SessionRules, clock: Clock) {
    this.#rules = rules;
    this.#clock = clock;
  }

  /** Throws a Nak if the session has an open file, or the limit is reached. */
  admit(from: Requester, id: number): void {
    if (this.#open.has(this.#key(from, this.#idFor(id)))) throw new Nak(this.#rules.taken);
    if (this.#open.size >= this.#rules.limit) throw new Nak(this.#rules.full);
  }

  add(from: Requester, id: number, file: SessionFile, mode: Session['mode']): Session {
    const used = this.#clock.monotonic();
    const own = this.#idFor(id);
    const session = { id: own, owner: from.id, file, mode, used, closed: false, position: undefined };
    this.#open.set(this.#key(from, session.id), session);
    return session;
  }

  /** Throws a Nak if no such session is open, or none with this mode. */
  find(from: Requester, id: number, mode: Session['mode']): Session {
    const session = this.#open.get(this.#key(from, id));
    const { wrongMode } = this.#rules;
    if (session && session.mode !== mode && wrongMode !== undefined) throw new Nak(wrongMode);
    if (session) return session;
    const others = [...this.#open.values()].some(other => other.owner === from.id);
    throw new Nak(others ? this.#rules.missingBesideOthers : this.#rules.missing);
  }

  async terminate(from: Requester, id: number): Promise<void> {
    const session = this.#open.get(this.#key(from, id));
    if (session) await this.#close(session);
    else if (!this.#rules.terminatesAny) throw new Nak(this.#rules.missing);
  }

  /** Closes the sessions of the requester, or all of the link. */
  async reset(from: Requester): Promise<void> {
    for (const session of this.#open.values()) if (this.#isOf(session, from)) await this.#close(session);
  }

  /** A request keeps its session alive; where there is one table for the link, any request does. */
  touch(from: Requester, id: number): void {
    const session = this.#open.get(this.#key(from, this.#idFor(id)));
    if (session) session.used = this.#clock.monotonic();
  }

  /** A read ended at the offset: where clients share the position, a burst of another one continues there. */
  moved(session: Session, from: Requester, offset: number): void {
    if (this.#rules.shared && session.owner !== from.id) session.position = offset;
  }

  touchedByBurst(session: Session): void {
    if (this.#rules.keptByBursts) session.used = this.#clock.monotonic();
  }

  /** Closes the sessions that have been idle too long; true if there was one. */
  async expire(): Promise<boolean> {
    const limit = this.#clock.monotonic() - this.#rules.idle;
    const idle = [...this.#open.values()].filter(session => session.used < limit);
    for (const session of idle) await this.#close(session);
    return idle.length > 0;
  }

  /** The next read of a file comes from the disk. */
  forget(path: string): void {
    for (const { file } of this.#open.values()) if (file.path === path) file.forget();
  }

  async close(): Promise<void> {
    for (const session of this.#open.values()) await this.#close(session);
  }

  async #close(session: Session): Promise<void> {
    session.closed = true;
    for (const [key, other] of this.#open) if (other === session) this.#open.delete(key);
    await session.file.close();
  }

  #isOf(session: Session, from: Requester): boolean {
    return this.#rules.shared || session.owner === from.id;
  }

  /** The id of the session that is opened for a requested `id`. */
  #idFor(id: number): number {
    return this.#rules.shared ? 0 : id;
  }

  #key(from: Requester, id: number): string {
    return this.#rules.shared ? `${id}` : `${from.id}/${id}`;
  }
}
