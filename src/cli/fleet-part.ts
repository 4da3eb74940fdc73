import { isDeepStrictEqual } from 'node:util';
import { allFlights, type Api } from '../api/api.js';
import { NO_FLEET, type FleetObject, type FleetPage } from '../api/schema-fleet.js';
import type { FlightView } from '../api/schema.js';
import { vehicleOf, type ComposeContext, type Composed, type StoreContext } from '../compose.js';
import type { Config, DeviceConfig } from '../config/config.js';
import type { FleetConfig } from '../config/fleet.js';
import { toFileSyncError } from '../errors.js';
import type { FleetReader } from '../fleet/reader.js';
import type { FleetReporter } from '../fleet/reporter.js';
import type { Position } from '../file-facts.js';
import type { FileRecord } from '../ports.js';
import { withDeadline } from '../system/deadline.js';
import type { SecretMask } from '../system/secret-mask.js';

/** A page that is open in many places reads the store no more often than this. */
const MIN_READ_INTERVAL_MS = 10_000;
const MAX_READING_MS = 60_000;

export interface FleetServices extends ComposeContext {
  /** Keeps secrets out of what is written. */
  readonly mask: SecretMask;
}

/** What the key `fleet` says, and the device that it names. */
interface Settings extends FleetConfig {
  readonly device: DeviceConfig;
  readonly vehicle: string;
}

/** The status of this vehicle and of its fleet. Nothing of it is loaded before a configuration has the key `fleet`. */
export class FleetPart {
  readonly #services: FleetServices;
  readonly #composed: Composed;
  #config: Config;
  #api: Api | undefined;
  #reporter: FleetReporter | undefined;
  #reader: FleetReader | undefined;
  readonly #stopping = new AbortController();
  #page: FleetPage = NO_FLEET;
  /** Monotonic ms. */
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(services: FleetServices, composed: Composed, config: Config) {
    this.#services = { ...services, logger: services.logger.child('fleet') };
    this.#composed = composed;
    this.#config = config;
  }

  /** Reports from now on what that Api answers. Never rejects. */
  async start(api: Api): Promise<void> {
    this.#api = api;
    (await this.#makeReporter())?.start();
  }

  /** Does what the configuration says now. */
  async use(config: Config): Promise<void> {
    const isSame = isDeepStrictEqual(plainOf(this.#config), plainOf(config));
    this.#config = config;
    if (isSame || !this.#api) return;
    await this.#reporter?.stop();
    this.#page = NO_FLEET;
    this.#readAt = -Infinity;
    (await this.#makeReporter())?.start();
  }

  /** One report at the end of a pass, for which it waits at most `ms`. */
  async finish(api: Api, ms: number, signal: AbortSignal): Promise<void> {
    this.#api = api;
    await (await this.#makeReporter())?.finish(ms, signal);
  }

  /** To be called while the database is open. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#reporter?.stop();
    await this.#reading;
  }

  async page(): Promise<FleetPage> {
    const { clock } = this.#services;
    const settings = settingsOf(this.#config, this.#services);
    if (!settings) return NO_FLEET;
    if (clock.monotonic() - this.#readAt >= MIN_READ_INTERVAL_MS)
      this.#reading ??= this.#read(settings).finally(() => (this.#reading = undefined));
    await this.#reading;
    return this.#page;
  }

  async #read(settings: Settings): Promise<void> {
    const { clock } = this.#services;
    const { FleetReader } = await import('../fleet/reader.js');
    const reader = (this.#reader ??= new FleetReader(clock));
    const { name: device } = settings.device;
    try {
      const limits = { signal: this.#stopping.signal, ms: MAX_READING_MS, clock };
      const view = await withDeadline(over => this.#viewOf(reader, settings, over), limits);
      const read_at = new Date(clock.now()).toISOString();
      this.#page = { configured: true, device, read_at, problem: '', ...view };
    } catch (thrown) {
      const problem = this.#services.mask.apply(toFileSyncError(thrown).message);
      this.#page = { ...this.#page, configured: true, device, problem };
    }
    this.#readAt = clock.monotonic();
  }

  async #viewOf(reader: FleetReader, { device }: Settings, signal: AbortSignal) {
    const { openToRead } = await import('./fleet-store.js');
    await using store = await openToRead(device, this.#context, signal);
    return await reader.read(store, signal);
  }

  async #makeReporter(): Promise<FleetReporter | undefined> {
    const settings = settingsOf(this.#config, this.#services);
    const api = this.#api;
    if (!settings || !api) return undefined;
    const { FleetReporter } = await import('../fleet/reporter.js');
    const { openToWrite } = await import('./fleet-store.js');
    const { installation: instance, engine } = this.#composed;
    this.#reporter = new FleetReporter({
      ...{ to: settings.to, every: settings.every, instance, records: engine.records },
      report: heartbeat => this.#report(api, settings, heartbeat),
      open: signal => openToWrite(settings.device, this.#context, signal),
      ...{ clock: this.#services.clock, logger: this.#services.logger, random: Math.random },
    });
    return this.#reporter;
  }

  async #report(api: Api, settings: Settings, heartbeat: number): Promise<FleetObject> {
    const { reportOf } = await import('../fleet/report.js');
    const { vehicle, every, position } = settings;
    const { installation: instance, vehicleIds, engine } = this.#composed;
    const flights: FlightView[] = [];
    for await (const flight of allFlights(api, {})) if (flight.state !== 'COMPLETE') flights.push(flight);
    const last = position ? lastPosition(engine.records.all()) : undefined;
    return reportOf({
      ...{ vehicle, instance, every, heartbeat, flights, uid: vehicleIds.own },
      ...{ status: await api.status(), now: this.#services.clock.now() },
      ...{ mask: (text: string) => this.#services.mask.apply(text), position: last },
    });
  }

  get #context(): StoreContext {
    return { config: this.#config, services: this.#services, locks: this.#composed.locks };
  }
}

function settingsOf(config: Config, services: FleetServices): Settings | undefined {
  const { fleet } = config;
  const device = fleet && config.devices.get(fleet.to);
  return device && { ...fleet, device, vehicle: vehicleOf(config, services) };
}

/** Each load of a configuration makes other objects for the kinds of devices: their names are compared. */
function plainOf({ fleet, vehicle, devices }: Config) {
  const { type, ...device } = devices.get(fleet?.to ?? '') ?? {};
  return { fleet, vehicle, device, type: type?.type };
}

/** Of the file that was found last. */
function lastPosition(records: Iterable<FileRecord>): Position | undefined {
  let last: FileRecord | undefined;
  for (const record of records) if (record.facts?.position && timeOf(record) >= timeOf(last)) last = record;
  return last?.facts?.position;
}

const timeOf = (record: FileRecord | undefined): number =>
  record?.facts?.start ?? record?.foundAt ?? -Infinity;
