import { fileURLToPath } from 'node:url';
import type { LiveApi } from '../api/api.js';
import type { LiveParts } from '../api/live.js';
import type { ComposeContext } from '../compose.js';
import type { Config } from '../config/config.js';
import { toFileSyncError } from '../errors.js';
import { hasServiceManager } from '../system/service-manager.js';
import type { WebServer } from '../web/server.js';

type WebPart = Pick<Config, 'web' | 'folder'>;

/** The built page, beside the bundled program. */
const PAGE_FOLDER = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../dist/page' : './page', import.meta.url),
);

/** The web page of a daemon. Nothing of it is loaded before a configuration has the key `web`. */
export class WebPage {
  readonly #services: ComposeContext;
  /** Served as `/metrics`; set before the start. */
  metrics: LiveParts['metrics'];
  #api: LiveApi | undefined;
  #server: WebServer | undefined;

  constructor(services: ComposeContext) {
    this.#services = services;
  }

  /** Why there is none, where the configuration wants one; else empty. */
  get problem(): string {
    return this.#server?.problem ?? '';
  }

  /**
   * Rejects with `config` where the configuration of the page cannot work. At the start of a service, a missing file is no error:
   * files are brought meanwhile, and nobody is there to start the service again.
   */
  async assertUsable({ web, folder }: WebPart, at: 'start' | 'reload' | 'check'): Promise<void> {
    if (!web) return;
    const { settingsOf } = await import('../web/settings.js');
    const { env } = this.#services;
    await settingsOf(web, { folder }, env).catch((thrown: unknown) => {
      const mayPass = at === 'start' && hasServiceManager(env) && toFileSyncError(thrown).temporary;
      if (!mayPass) throw thrown;
    });
  }

  /** Serves that Api. Never rejects: what keeps the page from being served is logged, and tried again. */
  async start(config: WebPart, api: LiveApi): Promise<void> {
    this.#api = api;
    await this.use(config);
  }

  /** Does what the configuration says now, once it was started. */
  async use(config: WebPart): Promise<void> {
    if (!this.#api || (!config.web && !this.#server)) return;
    this.#server ??= await this.#make(this.#api);
    await this.#server.use(config);
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  async #make(api: LiveApi): Promise<WebServer> {
    const [{ WebServer }, { PageFiles }] = await Promise.all([
      import('../web/server.js'),
      import('../web/page-files.js'),
    ]);
    const { env, hostname, clock, logger } = this.#services;
    const files = await PageFiles.load(PAGE_FOLDER);
    const { metrics } = this;
    const served = { api, files, ...(metrics && { metrics }) };
    return new WebServer({ ...served, env, hostname, clock, logger: logger.child('web') });
  }
}
