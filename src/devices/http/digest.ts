import { createHash, randomBytes } from 'node:crypto';
import type { Challenge } from './challenges.js';

/** RFC 7616 section 3.4; the names as in challenges. */
const ALGORITHMS: Readonly<Record<string, string>> = {
  'sha-256': 'sha256',
  'sha-512-256': 'sha512-256',
  md5: 'md5',
};

export interface DigestLogin {
  readonly user: string;
  readonly password: string;
}

/** Answers one challenge of the scheme Digest (RFC 7616, and RFC 2069 for servers without `qop`). */
export class DigestAuthentication {
  readonly #login: DigestLogin;
  readonly #parameters: ReadonlyMap<string, string>;
  readonly #cnonce = randomBytes(16).toString('hex');
  #count = 0;

  constructor(login: DigestLogin, { parameters }: Challenge) {
    this.#login = login;
    this.#parameters = parameters;
  }

  static supports({ scheme, parameters }: Challenge): boolean {
    const qop = parameters.get('qop');
    const takesAuth = qop === undefined || qop.split(',').some(one => one.trim().toLowerCase() === 'auth');
    return scheme === 'digest' && parameters.has('nonce') && takesAuth && hashOf(parameters) !== undefined;
  }

  /** The header Authorization for one request. */
  header(method: string, url: URL): string {
    const uri = url.pathname + url.search;
    const nc = (++this.#count).toString(16).padStart(8, '0');
    const opaque = this.#parameters.get('opaque');
    const algorithm = this.#parameters.get('algorithm');
    const qop = this.#parameters.has('qop') ? `qop=auth, nc=${nc}, cnonce="${this.#cnonce}"` : undefined;
    const fields = [
      `username=${quoted(this.#login.user)}`,
      `realm=${quoted(this.#parameter('realm'))}`,
      `nonce=${quoted(this.#parameter('nonce'))}`,
      `uri="${uri}"`,
      ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
      ...(qop === undefined ? [] : [qop]),
      `response="${this.#response(method, uri, nc)}"`,
      ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
    ];
    return `Digest ${fields.join(', ')}`;
  }

  #parameter(name: string): string {
    return this.#parameters.get(name) ?? '';
  }

  #response(method: string, uri: string, nc: string): string {
    const hash = (...parts: string[]): string =>
      createHash(hashOf(this.#parameters) ?? 'md5')
        .update(parts.join(':'))
        .digest('hex');
    const nonce = this.#parameter('nonce');
    const { user, password } = this.#login;
    const plain = hash(user, this.#parameter('realm'), password);
    const isSession = /-sess$/i.test(this.#parameter('algorithm'));
    const secret = isSession ? hash(plain, nonce, this.#cnonce) : plain;
    const request = hash(method, uri);
    return this.#parameters.has('qop')
      ? hash(secret, nonce, nc, this.#cnonce, 'auth', request)
      : hash(secret, nonce, request);
  }
}

/** Undefined for an algorithm that is not supported. */
const hashOf = (parameters: ReadonlyMap<string, string>): string | undefined =>
  ALGORITHMS[(parameters.get('algorithm') ?? 'md5').toLowerCase().replace(/-sess$/, '')];

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
