import { toFileSyncError } from '../../errors.js';
import type { Clock, Logger } from '../../ports.js';
import { outputOf } from '../../system/child.js';

const TIMEOUT_MS = 5_000;
/** Between two questions for one interface while it is used, and otherwise. */
const BUSY_INTERVAL_MS = 1_000;
const IDLE_INTERVAL_MS = 10_000;
const DEFAULT_PATH = '/usr/bin:/bin';

const NETWORK_MANAGER = 'org.freedesktop.NetworkManager';
/** NMMetered of NetworkManager's D-Bus interface: 0 unknown, 1 yes, 2 no, 3 guessed yes, 4 guessed no. */
const METERED = new Set([1, 3]);

interface CachedAnswer {
  readonly metered: boolean;
  /** Monotonic ms. */
  readonly at: number;
}

/** Whether NetworkManager reports a network interface as metered. Where it does not answer, that is logged once, and none is. */
export class Metering {
  readonly #env: Readonly<Record<string, string>>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #answers = new Map<string, CachedAnswer>();
  #hasFailed = false;

  constructor(env: Readonly<Record<string, string | undefined>>, clock: Clock, logger: Logger) {
    this.#env = { PATH: env['PATH'] ?? DEFAULT_PATH, LC_ALL: 'C' };
    this.#clock = clock;
    this.#logger = logger;
  }

  /** `isBusy`: something is being transferred, so that a change must be noticed soon. */
  async isMetered(name: string, isBusy: boolean): Promise<boolean> {
    const known = this.#answers.get(name);
    const now = this.#clock.monotonic();
    const interval = isBusy ? BUSY_INTERVAL_MS : IDLE_INTERVAL_MS;
    if (known && now - known.at < interval) return known.metered;
    const metered = await this.#ask(name);
    this.#answers.set(name, { metered, at: now });
    return metered;
  }

  async #ask(name: string): Promise<boolean> {
    try {
      const manager = ['/org/freedesktop/NetworkManager', NETWORK_MANAGER] as const;
      const device = await this.#bus('call', ...manager, 'GetDeviceByIpIface', 's', name);
      const [, path] = /^o "(\/[\w/]+)"/.exec(device) ?? [];
      if (path === undefined) return false;
      const value = await this.#bus('get-property', path, `${NETWORK_MANAGER}.Device`, 'Metered');
      this.#hasFailed = false;
      return METERED.has(Number(/^u (\d+)/.exec(value)?.[1]));
    } catch (error) {
      const { message, cause } = toFileSyncError(error);
      const why = typeof cause === 'string' && cause !== '' ? `${message}: ${cause}` : message;
      const consequence = 'no connection counts as metered (`unmetered`)';
      if (!this.#hasFailed)
        this.#logger.log('warn', `NetworkManager does not answer, so ${consequence}: ${why}`);
      this.#hasFailed = true;
      return false;
    }
  }

  #bus(verb: string, ...words: string[]): Promise<string> {
    const options = {
      env: this.#env,
      ms: TIMEOUT_MS,
      remedy: 'install the package systemd',
      background: true,
    } as const;
    return outputOf('busctl', ['--system', '--timeout=4', verb, NETWORK_MANAGER, ...words], options);
  }
}
