// A private module: package.json pins the version, and a test checks its shape.
import {
  createDigestContext,
  generateDigestAuthHeader,
  parseDigestAuth,
} from 'webdav/dist/node/auth/digest.js';
import type { DigestContext } from 'webdav';

export interface Login {
  readonly user: string;
  readonly password: string;
}

type Scheme = { readonly kind: 'basic' } | { readonly kind: 'digest'; readonly context: DigestContext };

/**
 * Answers a server's challenge (RFC 7617; RFC 7616 with MD5). Nothing is sent before a challenge: the server may support
 * digest, and Basic would send the password readable.
 */
export class Credentials {
  readonly #login: Login | undefined;
  #scheme: Scheme | undefined;

  constructor(login: Login | undefined) {
    this.#login = login;
  }

  /** Texts that no message may contain. */
  get secrets(): string[] {
    return this.#login ? [this.#login.password, basic(this.#login).slice('Basic '.length)] : [];
  }

  /** Whether the password itself is sent. */
  get isPlaintext(): boolean {
    return this.#scheme?.kind === 'basic';
  }

  /** The header Authorization for one request, after a challenge. */
  header(method: string, url: URL): string | undefined {
    if (!this.#login || !this.#scheme) return undefined;
    if (this.#scheme.kind === 'basic') return basic(this.#login);
    const { context } = this.#scheme;
    const header = generateDigestAuthHeader({ method, url: url.href }, context);
    context.nc++;
    return header;
  }

  /** Accepts the challenge of a 401 to a request with the header `sent`. Returns whether to send the request again. */
  challenged(challenge: string, sent: string | undefined): boolean {
    if (!this.#login || (sent !== undefined && !isStale(challenge))) return false;
    this.#scheme = digestIn(challenge, this.#login) ?? basicIn(challenge);
    return this.#scheme !== undefined;
  }
}

/** Whether the nonce expired, in which case the password may be right. */
const isStale = (challenge: string): boolean => /\bstale="?true/i.test(challenge);

const basic = ({ user, password }: Login): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

const basicIn = (challenge: string): Scheme | undefined =>
  /\bbasic\b/i.test(challenge) ? { kind: 'basic' } : undefined;

function digestIn(challenge: string, { user, password }: Login): Scheme | undefined {
  const start = challenge.search(/\bdigest\s/i);
  if (start < 0 || /\balgorithm="?sha/i.test(challenge)) return undefined;
  const context = createDigestContext(user, password, '');
  const headers = new Headers({ 'www-authenticate': challenge.slice(start) });
  return parseDigestAuth(new Response(null, { headers }), context) ? { kind: 'digest', context } : undefined;
}
