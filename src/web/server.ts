import type { Config } from '../config/config.js';
import type { Environment } from '../config/paths.js';
import type { WebConfig } from '../config/web.js';
import { toFileSyncError } from '../errors.js';
import { addressText } from './address.js';
import { Handler, type Served } from './handler.js';
import { LIMITS, Listener } from './listener.js';
import { settingsOf, type WebSettings } from './settings.js';

/** Between two attempts to listen. */
const RETRY_INTERVAL_MS = 5_000;

export interface WebServerParts extends Served {
  readonly env: Environment;
  readonly limits?: typeof LIMITS;
}

type WebPart = Pick<Config, 'web' | 'folder'>;

/** The page and the API on TCP. What keeps it from listening stops nothing else: it is reported, and tried again. */
export class WebServer {
  readonly #parts: WebServerParts;
  #problem = '';
  #open: Opened | undefined;
  /** Ends the attempts to listen. */
  #stop = new AbortController();
  #listening: Promise<void> = Promise.resolve();

  constructor(parts: WebServerParts) {
    this.#parts = parts;
  }

  /** Why there is no page, where the configuration wants one; else empty. */
  get problem(): string {
    return this.#problem;
  }

  /** Where it listens; undefined while it does not. */
  get port(): number | undefined {
    return this.#open?.listener.port;
  }

  /** Does what the configuration says now. Resolves after the first attempt; never rejects. */
  async use(config: WebPart): Promise<void> {
    if (config.web && (await this.#useInPlace(config, config.web))) return;
    await this.stop();
    this.#stop = new AbortController();
    if (config.web) await this.#listen(config, config.web);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#listening;
    const open = this.#open;
    this.#open = undefined;
    this.#problem = '';
    await open?.listener.close();
  }

  /** Whether the port that is listened on stays; sessions and connections stay, too. */
  async #useInPlace(config: WebPart, web: WebConfig): Promise<boolean> {
    const open = this.#open;
    if (!open) return false;
    const settings = await settingsOf(web, config, this.#parts.env).catch(() => undefined);
    if (!settings || !isSamePort(open.settings, settings)) return false;
    open.handler.use(settings);
    if (settings.tls) open.listener.useCertificate(settings.tls);
    this.#open = { ...open, settings };
    return true;
  }

  async #listen(config: WebPart, web: WebConfig): Promise<void> {
    const { signal } = this.#stop;
    const begun = this.#attempt(config, web).then(reason => {
      this.#problem = reason;
      if (reason !== '') this.#parts.logger.log('warn', `no web page: ${reason}`);
    });
    this.#listening = begun.then(() => this.#listenAgain(config, web, signal));
    await begun;
  }

  async #listenAgain(config: WebPart, web: WebConfig, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#problem !== '') {
      await this.#parts.clock.sleep(RETRY_INTERVAL_MS, signal).catch(() => undefined);
      if (!signal.aborted) this.#problem = await this.#attempt(config, web);
    }
  }

  /** Why it did not work; empty if it did. */
  async #attempt(config: WebPart, web: WebConfig): Promise<string> {
    const { env, logger, hostname, limits } = this.#parts;
    try {
      const settings = await settingsOf(web, config, env);
      const handler = new Handler(this.#parts, settings);
      const { listen, tls } = settings;
      const listener = await Listener.open(
        listen,
        tls,
        (...message) => void handler.handle(...message),
        limits,
      );
      this.#open = { handler, listener, settings };
      const address = addressText({ ...web, listen: { ...listen, port: listener.port } }, hostname);
      logger.log('info', `web page: ${address}`);
      return '';
    } catch (thrown) {
      return toFileSyncError(thrown).message;
    }
  }
}

interface Opened {
  readonly handler: Handler;
  readonly listener: Listener;
  readonly settings: WebSettings;
}

const isSamePort = (before: WebSettings, now: WebSettings): boolean =>
  before.listen.address === now.listen.address &&
  before.listen.port === now.listen.port &&
  (before.tls === undefined) === (now.tls === undefined);
