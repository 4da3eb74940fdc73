import { isDeepStrictEqual } from 'node:util';
import { BehaviorSubject } from 'rxjs';
import {
  autopilotsIn,
  endsOf,
  factSettingsOf,
  makeDevice,
  vehicleOf,
  type ComposeContext,
  type Composed,
  type MadeDevice,
} from '../compose.js';
import type { Config, DeviceConfig } from '../config/config.js';
import { resolveSecret } from '../config/secrets.js';
import { untilUnused } from '../devices/guard.js';
import { closeDevices } from '../engine/devices.js';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type { Notifier } from '../notify/notifier.js';
import { withinTime } from '../system/deadline.js';
import type { FleetPart } from './fleet-part.js';
import type { WebPage } from './web-page.js';

/** How the last reload went, or goes. */
export interface ReloadState {
  readonly running: boolean;
  /** Why the configuration was not reloaded; empty if it was. */
  readonly problem: string;
}

export interface ReloaderParts extends ComposeContext {
  /** Reads and checks the configuration; rejects with `config`. */
  readonly load: () => Promise<Config>;
  readonly stopped: AbortSignal;
}

/** What else follows the configuration. */
export interface Followers {
  readonly notifier?: Pick<Notifier, 'use'>;
  readonly page?: Pick<WebPage, 'use' | 'assertUsable'>;
  readonly fleet?: Pick<FleetPart, 'use'>;
}

/** Steps of a device that is replaced have that long to end, and the device as long to close. */
const MAX_CLOSING_MS = 4_000;

/**
 * Replaces the configuration of a running engine. Devices and rules that have not changed are not touched. A configuration that is
 * wrong changes nothing.
 */
export class Reloader {
  readonly state = new BehaviorSubject<ReloadState>({ running: false, problem: '' });
  readonly #parts: ReloaderParts;
  #composed: Composed | undefined;
  #config: Config | undefined;
  #followers: Followers = {};
  #devices = new Map<string, MadeDevice>();
  #isReady = false;
  #isRequested = false;

  constructor(parts: ReloaderParts) {
    this.#parts = parts;
  }

  /** Hands over the engine, and the configuration that it was made from. */
  prepare(composed: Composed, config: Config, followers: Followers = {}): void {
    this.#composed = composed;
    this.#followers = followers;
    this.#config = config;
    this.#devices = byName(composed.devices);
  }

  /** The engine works: a reload that was requested before is done now. */
  begin(): void {
    this.#isReady = true;
    if (this.#isRequested) void this.request();
  }

  /** Resolves when the configuration is reloaded, or it was reported why it is not; several requests are one. Never rejects. */
  async request(): Promise<void> {
    this.#isRequested = true;
    const { stopped, logger } = this.#parts;
    while (this.#isRequested && this.#isReady && !this.state.value.running && !stopped.aborted) {
      this.#isRequested = false;
      this.state.next({ running: true, problem: '' });
      const problem = await this.#reload().then(
        () => '',
        (thrown: unknown) => toFileSyncError(thrown).message,
      );
      if (problem !== '' && !stopped.aborted)
        logger.log('error', `the configuration was not reloaded, the earlier one is in use: ${problem}`);
      this.state.next({ running: false, problem });
    }
  }

  async #reload(): Promise<void> {
    const [before, composed] = [this.#config, this.#composed];
    if (!before || !composed) return;
    const { stopped, logger } = this.#parts;
    const config = await this.#parts.load();
    refuseWhatIsFixed(before, config);
    const { notifier, page, fleet } = this.#followers;
    await page?.assertUsable(config, 'reload');
    const changed = [...config.devices.values()].filter(device => !this.#isUnchanged(device, config));
    const made = byName(await this.#make(changed, config, composed));
    const gone = [...this.#devices.keys()].filter(name => made.has(name) || !config.devices.has(name));
    composed.engine.removeDevices(gone);
    await Promise.all(gone.map(name => closeWhenUnused(this.#devices.get(name))));
    if (stopped.aborted) return closeDevices([...made.values()].map(({ device }) => device));
    const removed = gone.filter(name => !made.has(name));
    const kept = [...this.#devices].filter(([name]) => !gone.includes(name));
    this.#devices = new Map([...kept, ...made]);
    this.#config = config;
    use(config, before, composed, this.#parts);
    notifier?.use(config);
    await page?.use(config);
    await fleet?.use(config);
    const devices = [...made.values()].map(({ device }) => device);
    const scanned = sourcesOf(config).filter(name => made.has(name) || !hasSameRules(name, before, config));
    composed.engine.addDevices(devices, scanned);
    logger.log(
      'info',
      `the configuration was reloaded${list('changed', made.keys())}${list('removed', removed)}`,
    );
  }

  #isUnchanged(device: DeviceConfig, config: Config): boolean {
    const known = this.#devices.get(device.name);
    if (!known) return false;
    const { env } = this.#parts;
    const isSame = ([ref, value]: [Parameters<typeof resolveSecret>[0], string]) => {
      try {
        return resolveSecret(ref, { env, folder: config.folder }) === value;
      } catch {
        return false;
      }
    };
    return (
      isDeepStrictEqual(plainOf(known.from), plainOf(device)) &&
      isDeepStrictEqual(known.ends, endsOf(device, config)) &&
      [...known.secrets].every(isSame)
    );
  }

  /** All of them or none. */
  async #make(changed: readonly DeviceConfig[], config: Config, { locks }: Composed): Promise<MadeDevice[]> {
    const making = changed.map(device => makeDevice(device, config, this.#parts, locks));
    try {
      return await Promise.all(making);
    } catch (error) {
      const made = (await Promise.allSettled(making)).flatMap(one =>
        one.status === 'fulfilled' ? [one.value.device] : [],
      );
      await closeDevices(made);
      throw error;
    }
  }
}

const byName = (devices: readonly MadeDevice[]) => new Map(devices.map(made => [made.from.name, made]));

/** Each load of a configuration makes other objects for the kinds of devices: their names are compared. */
const plainOf = ({ type, ...others }: DeviceConfig) => ({ ...others, type: type.type });

const list = (title: string, names: Iterable<string>): string => {
  const text = [...names].sort().join(', ');
  return text === '' ? '' : `; ${title}: ${text}`;
};

/** Throws `config` for a change that a running daemon cannot follow: its records and local copies are there. */
function refuseWhatIsFixed(before: Config, config: Config): void {
  const fixed = ['local', 'database', 'modes'] as const;
  const changed = fixed.find(key => !isDeepStrictEqual(before[key], config[key]));
  if (changed === undefined) return;
  const key = changed === 'modes' ? 'mode' : changed;
  throw new FileSyncError('config', `${key}: it cannot change while the daemon runs; restart it`);
}

/** Everything but the devices. */
function use(config: Config, before: Config, composed: Composed, services: ComposeContext): void {
  composed.templates.vehicle = vehicleOf(config, services);
  composed.vehicleIds.autopilots = autopilotsIn(config);
  composed.planner.use(config.rules);
  composed.descriptionFile.path = config.descriptionFile;
  composed.local.minFree = config.minFree;
  composed.facts.settings = factSettingsOf(config);
  composed.settings.keepRecords = config.keepRecords;
  if (config.interval !== before.interval) composed.engine.setInterval(config.interval);
}

const sourcesOf = ({ rules }: Config): string[] => [...new Set(rules.map(({ from }) => from))];

function hasSameRules(source: string, before: Config, config: Config): boolean {
  const [old, now] = [before, config].map(({ rules }) => rules.filter(({ from }) => from === source));
  return isDeepStrictEqual(old, now);
}

async function closeWhenUnused(made: MadeDevice | undefined): Promise<void> {
  const end = made?.device.source ?? made?.device.target;
  if (!made || !end) return;
  await untilUnused(end, MAX_CLOSING_MS);
  await withinTime(closeDevices([made.device]), { ms: MAX_CLOSING_MS });
}
