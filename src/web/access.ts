import type { IncomingMessage } from 'node:http';
import { HttpError } from '../api/problem.js';
import { SCOPES, type Scope } from '../config/web.js';
import type { Clock, Logger } from '../ports.js';
import { LoginLimit } from './login-limit.js';
import { cookiesOf, Sessions } from './sessions.js';
import type { WebSettings } from './settings.js';
import { scopesOfToken } from './tokens.js';

/** Who may do what. */
export class Access {
  readonly sessions: Sessions;
  readonly #limit: LoginLimit;
  readonly #logger: Logger;
  #settings: WebSettings;

  constructor(settings: WebSettings, clock: Pick<Clock, 'monotonic'>, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
    this.sessions = new Sessions(clock);
    this.#limit = new LoginLimit(clock);
  }

  /** Another password ends all sessions. */
  use(settings: WebSettings): void {
    if (settings.password?.hash !== this.#settings.password?.hash) this.sessions.endAll();
    this.#settings = settings;
  }

  /** Everybody who knows the password may do everything. */
  readonly scopesOfSession: readonly Scope[] = SCOPES;

  /** Whether there is a password to log in with. */
  get hasPassword(): boolean {
    return this.#settings.password !== undefined;
  }

  /** What the sender of the request may do; nothing for an unknown one. */
  scopesOf(request: IncomingMessage): readonly Scope[] {
    if (this.#settings.isOpen) return SCOPES;
    const { authorization, cookie } = request.headers;
    // A proxy may have a login of its own, by which it sends another kind of this header.
    if (authorization !== undefined && /^bearer\b/i.test(authorization))
      return scopesOfToken(authorization, this.#settings.tokens) ?? [];
    const ids = cookiesOf(cookie, cookieName(request));
    return this.hasPassword && ids.some(id => this.sessions.isOpen(id)) ? this.scopesOfSession : [];
  }

  /** Throws 401 for somebody who is not known, 403 for somebody who may do other things. */
  assertMay(request: IncomingMessage, ...oneOf: readonly Scope[]): void {
    const scopes = this.scopesOf(request);
    if (oneOf.some(scope => scopes.includes(scope))) return;
    if (scopes.length > 0)
      throw new HttpError(403, `this needs the scope ${oneOf[0]}; the token has ${scopes.join(', ')}`);
    const remedy = this.hasPassword ? 'log in, or send a token' : 'send a token';
    throw new HttpError(401, `not logged in: ${remedy} (Authorization: Bearer …)`, {
      'www-authenticate': 'Bearer realm="filesync"',
    });
  }

  /** The id of a new session. Throws 401 for a wrong password, 429 after too many attempts. */
  async login(password: string, from: string): Promise<string> {
    const { password: known } = this.#settings;
    if (!known) throw new HttpError(409, 'there is no password to log in with (web.password)');
    const wait = this.#limit.admit(from);
    if (wait > 0)
      throw new HttpError(429, `too many attempts: wait ${Math.ceil(wait / 1000)} s`, {
        'retry-after': String(Math.ceil(wait / 1000)),
      });
    const isRight = await known.check.matches(password);
    // It may have been replaced meanwhile.
    if (isRight && this.#settings.password?.hash === known.hash) return this.sessions.begin();
    this.#logger.log('warn', `wrong password from ${from}`);
    throw new HttpError(401, 'wrong password');
  }
}

/** Browsers send the cookies of one port to all ports of a host: each server has its own name. */
export const cookieName = ({ socket }: IncomingMessage): string => `filesync-${socket.localPort}`;
