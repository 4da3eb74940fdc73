import { Credentials, type Login } from './credentials.js';
import type { Reply } from './exchange.js';

/** The first request, one after a challenge, and one after a nonce that expired in between. */
const MAX_ATTEMPTS = 3;

/** Sends HEAD with that Authorization. Its answer has no body. */
type Ask = (authorization: string | undefined) => Promise<Pick<Reply, 'status' | 'header'>>;

/**
 * Logs in to a site before a file is sent, so that no body is sent in vain. A site may ask for the login only at the upload itself:
 * `challenged` then prepares the next one.
 */
export class SiteLogin {
  readonly #read: () => Login | undefined;
  #credentials: Credentials | undefined;

  constructor(read: () => Login | undefined) {
    this.#read = read;
  }

  /** Texts that no message may contain. */
  get secrets(): string[] {
    return this.#current.secrets;
  }

  /** The header Authorization for the upload: none without a user, or before the site has asked for it. */
  header(method: string, url: URL): string | undefined {
    return this.#current.header(method, url);
  }

  /** Asks whether the site takes the login; the answer of a refusal, else undefined. */
  async refusal(url: URL, ask: Ask): Promise<Pick<Reply, 'status' | 'header'> | undefined> {
    if (this.secrets.length === 0) return undefined;
    for (let attempt = 1; ; attempt++) {
      const sent = this.header('HEAD', url);
      const reply = await ask(sent);
      if (reply.status !== 401) return undefined;
      const again = this.challenged(reply.header('www-authenticate'), sent);
      if (!again || attempt === MAX_ATTEMPTS) return reply;
    }
  }

  /** After a 401 to a request with the header `sent`: whether another one can be answered. */
  challenged(challenge: string | undefined, sent: string | undefined): boolean {
    const again = this.#current.challenged(challenge ?? '', sent);
    // The password may be renewed while the program runs.
    if (!again) this.#credentials = undefined;
    return again;
  }

  get #current(): Credentials {
    return (this.#credentials ??= new Credentials(this.#read()));
  }
}
