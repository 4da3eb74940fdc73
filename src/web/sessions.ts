import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../ports.js';

const SESSION_MS = 12 * 60 * 60_000;
/** Of that many, the oldest one ends. */
const MAX_SESSIONS = 200;
const ID_BYTES = 32;

/** Who has logged in. In memory alone: a restart of the program ends all sessions. */
export class Sessions {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** When each ends, monotonic ms, by the hash of its id, oldest first. */
  readonly #ends = new Map<string, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** The id of a new session, which only its browser knows. */
  begin(): string {
    this.#prune();
    const id = randomBytes(ID_BYTES).toString('base64url');
    this.#ends.set(keyOf(id), this.#clock.monotonic() + SESSION_MS);
    return id;
  }

  isOpen(id: string): boolean {
    return (this.#ends.get(keyOf(id)) ?? -Infinity) > this.#clock.monotonic();
  }

  end(id: string): void {
    this.#ends.delete(keyOf(id));
  }

  endAll(): void {
    this.#ends.clear();
  }

  #prune(): void {
    const now = this.#clock.monotonic();
    const excess = this.#ends.size - MAX_SESSIONS + 1;
    for (const [index, [key, end]] of [...this.#ends].entries())
      if (end <= now || index < excess) this.#ends.delete(key);
  }
}

/** What is looked up is no part of the id: how long that takes says nothing about it. */
const keyOf = (id: string): string => createHash('sha256').update(id).digest('base64');

/** The value of a header Set-Cookie (RFC 6265). An empty id deletes the cookie. */
export function sessionCookie(name: string, id: string, isTls: boolean): string {
  const age = id === '' ? 0 : SESSION_MS / 1000;
  return `${name}=${id}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Strict${isTls ? '; Secure' : ''}`;
}

/** The values of the cookies of that name. */
export function cookiesOf(header: string | undefined, name: string): string[] {
  const pairs = (header ?? '').split(';').map(pair => pair.trim());
  return pairs.filter(pair => pair.startsWith(`${name}=`)).map(pair => pair.slice(name.length + 1));
}
