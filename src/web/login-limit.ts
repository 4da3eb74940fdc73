import { isIPv6 } from 'node:net';
import type { Clock } from '../ports.js';
import { plainHost } from './hosts.js';

const WINDOW_MS = 60_000;
const MAX_PER_ADDRESS = 5;
const MAX_IN_ALL = 20;

/** How many passwords are tried in a minute: guessing takes years, and scrypt has little to do. */
export class LoginLimit {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** The attempts of the last minute, oldest first; monotonic ms. */
  #attempts: { readonly at: number; readonly from: string }[] = [];

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Counts an attempt, and returns 0; or, where there were too many, ms until the next one is admitted. */
  admit(address: string): number {
    const [now, from] = [this.#clock.monotonic(), networkOf(address)];
    this.#attempts = this.#attempts.filter(({ at }) => at + WINDOW_MS > now);
    const own = this.#attempts.filter(attempt => attempt.from === from);
    const oldest = [own.at(-MAX_PER_ADDRESS), this.#attempts.at(-MAX_IN_ALL)];
    const wait = Math.max(0, ...oldest.map(attempt => (attempt ? attempt.at + WINDOW_MS - now : 0)));
    if (wait === 0) this.#attempts.push({ at: now, from });
    return wait;
  }
}

/** One computer has all IPv6 addresses of its network, /64 (RFC 4291 section 2.5.4). */
function networkOf(address: string): string {
  const host = plainHost(address);
  if (!isIPv6(host)) return host;
  const [head = '', tail] = host.split('::');
  const before = head === '' ? [] : head.split(':');
  if (tail === undefined) return before.slice(0, 4).join(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
