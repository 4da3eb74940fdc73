import { parseChallenges, type Challenge } from './challenges.js';
import { DigestAuthentication } from './digest.js';

export interface Login {
  readonly user: string;
  readonly password: string;
}

/**
 * Answers a server's challenge (RFC 7617, RFC 7616). Nothing is sent before a challenge: the server may support
 * digest, and Basic would send the password readable.
 */
export class Credentials {
  readonly #login: Login | undefined;
  #scheme: 'basic' | DigestAuthentication | undefined;

  constructor(login: Login | undefined) {
    this.#login = login;
  }

  /** Texts that no message may contain. */
  get secrets(): string[] {
    return this.#login ? [this.#login.password, basic(this.#login).slice('Basic '.length)] : [];
  }

  /** Whether the password itself is sent. */
  get isPlaintext(): boolean {
    return this.#scheme === 'basic';
  }

  /** The header Authorization for one request, after a challenge. */
  header(method: string, url: URL): string | undefined {
    if (!this.#login || !this.#scheme) return undefined;
    return this.#scheme === 'basic' ? basic(this.#login) : this.#scheme.header(method, url);
  }

  /**
   * Accepts a challenge of a 401 to a request with the header `sent`: the first digest that is supported (servers list the strongest
   * first), else Basic. Returns whether to send the request again.
   */
  challenged(header: string, sent: string | undefined): boolean {
    const challenges = parseChallenges(header);
    if (!this.#login || (sent !== undefined && !challenges.some(isStale))) return false;
    const digest = challenges.find(each => DigestAuthentication.supports(each));
    if (digest) this.#scheme = new DigestAuthentication(this.#login, digest);
    else this.#scheme = challenges.some(({ scheme }) => scheme === 'basic') ? 'basic' : undefined;
    return this.#scheme !== undefined;
  }
}

/** Whether the nonce expired, in which case the password may be right. */
const isStale = ({ parameters }: Challenge): boolean => parameters.get('stale')?.toLowerCase() === 'true';

const basic = ({ user, password }: Login): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
