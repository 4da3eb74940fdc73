import { Mutex } from 'async-mutex';
import type { Config, DeviceConfig } from './config/config.js';
import { resolvePath } from './config/paths.js';
import { keyOfSecret, resolveSecret } from './config/secrets.js';
import { openStore } from './db/store.js';
import type { DeviceContext } from './config/definition.js';
import type { SecretRef } from './config/options.js';
import { guardSource, guardTarget, withBoth, limitsOf } from './devices/guard.js';
import { withPortableNames } from './devices/portable-target.js';
import { linkFor } from './devices/link/limit.js';
import { tellsFacts } from './fact-keeper/conditions.js';
import { FactKeeper, type FactSettings } from './fact-keeper/fact-keeper.js';
import { LocalStorage } from './local/storage.js';
import { Engine } from './engine/engine.js';
import type { Device } from './engine/devices.js';
import type { RetryPolicy } from './system/back-off.js';
import type { Clock, Logger, Source, Target } from './ports.js';
import type { DeviceMeasure } from './links/link-history.js';
import { DescriptionFile } from './config/description-file.js';
import { autopilotsOf, sharedDestinations } from './config/vehicle-names.js';
import { VehicleIds } from './links/vehicle-ids.js';
import { mentions, UID, vehicleName } from './rules/template.js';
import { installationId } from './system/installation.js';
import { Planner } from './rules/plan.js';
import { TemplateContext } from './rules/template-context.js';
import { isInMemory } from './system/memory-file-system.js';

export interface ComposeContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How work is retried and spread; absent: as a daemon does. */
  readonly policy?: RetryPolicy;
  /** Uniform in [0, 1), for jitter; absent: Math.random. */
  readonly random?: () => number;
  /** Takes what devices measure of their requests. */
  readonly measures?: { next(measure: DeviceMeasure): void };
  /** Takes each secret that is read. */
  readonly mask?: { add(secret: string): void };
}

/** An engine, and what a change of the configuration replaces in it. */
export interface Composed {
  readonly engine: Engine;
  readonly devices: readonly MadeDevice[];
  readonly locks: Locks;
  readonly planner: Planner;
  readonly local: LocalStorage;
  readonly descriptionFile: DescriptionFile;
  readonly facts: FactKeeper;
  readonly templates: TemplateContext;
  readonly vehicleIds: VehicleIds;
  /** Names this installation among those of other vehicles. */
  readonly installation: string;
  /** Read by the engine each time. */
  readonly settings: { keepRecords: number };
}

/** Makes the engine of a configuration. It holds the database's lock until it is stopped. */
export async function compose(
  config: Config,
  services: ComposeContext,
  policy: RetryPolicy,
): Promise<Composed> {
  const { clock, logger, hostname, random = Math.random } = services;
  const vehicle = vehicleOf(config, services);
  const warnings = [...(await memoryWarnings(config)), ...sharedDestinations(config, vehicle)];
  for (const warning of warnings) logger.log('warn', warning);
  const installation = await installationId(vehicle, config.database);
  const { modes, interval, keepRecords } = config;
  const store = await openStore(config.database, { clock, modes, logger: logger.child('database') });
  const descriptionFile = new DescriptionFile(config.descriptionFile, logger);
  const locks: Locks = new Map();
  const making = [...config.devices.values()].map(device =>
    makeDevice(device, config, { ...services, policy }, locks),
  );
  const devices = await Promise.all(making);
  const planner = new Planner(config.rules);
  const local = new LocalStorage(config.local, { modes, minFree: config.minFree });
  const vehicleIds = new VehicleIds(autopilotsIn(config), message => {
    const isUsed = config.rules.some(({ path }) => mentions(path, name => name === UID));
    logger.log(isUsed ? 'warn' : 'debug', message);
  });
  const templates = new TemplateContext({ hostname, vehicle, descriptionFile, uidOf: vehicleIds.uidOf });
  const parts = { local, planner, templates, clock, logger };
  const facts = new FactKeeper({ ...parts, settings: factSettingsOf(config) });
  const settings = {
    ...{ store, clock, logger, policy, random, useBoth: withBoth },
    ...{ local, planner, interval, keepRecords, devices: devices.map(({ device }) => device) },
    ...{ templates, facts, installation },
  };
  const engine = new Engine(settings);
  vehicleIds.follow(engine);
  const replaced = { locks, planner, local, descriptionFile, facts, settings, templates, vehicleIds };
  return { engine, devices, installation, ...replaced };
}

/** The vehicle's name: the configuration's, or one made of that of this computer. */
export const vehicleOf = ({ vehicle }: Config, { hostname }: Pick<ComposeContext, 'hostname'>): string =>
  vehicle ?? vehicleName(hostname);

export const autopilotsIn = ({ rules, devices }: Config): readonly string[] =>
  autopilotsOf(rules, new Map([...devices].map(([name, { type }]) => [name, type])));

export const factSettingsOf = ({ facts, devices }: Config): FactSettings => ({
  facts,
  telling: new Set(
    [...devices.values()].filter(({ options }) => tellsFacts(options)).map(({ name }) => name),
  ),
});

/** A warning for each of the program's own places that is on a file system in memory. */
export async function memoryWarnings({ local, database }: Config): Promise<string[]> {
  const places = { local, database };
  const found: string[] = [];
  for (const [key, path] of Object.entries(places))
    if (await isInMemory(path))
      found.push(`${key}: ${path} is in memory and is lost without power: name a folder on a disk`);
  return found;
}

/** The configured devices, made to be looked at. Those in no rule have one end as well where they are to be probed. */
export async function makeDevices(config: Config, services: ComposeContext, idle: Idle): Promise<Device[]> {
  const locks: Locks = new Map();
  const making = [...config.devices.values()].map(device =>
    makeDevice(device, config, services, locks, idle),
  );
  return (await Promise.all(making)).map(({ device }) => device);
}

type Idle = 'without' | 'to probe';
/** By the names that devices share. */
export type Locks = Map<string, Mutex>;

/** A device, and all that it was made from. */
export interface MadeDevice {
  readonly device: Device;
  readonly from: DeviceConfig;
  readonly ends: Ends;
  /** What it has read of its secrets, by their references. */
  readonly secrets: ReadonlyMap<SecretRef, string>;
}

interface Ends {
  readonly source: boolean;
  readonly target: boolean;
  /** The target may learn other names; a rule that insists on names as they are keeps it from that. */
  readonly portable: boolean;
}

/**
 * The ends that rules use. An `idle` device, in no rule, has no end, or one to probe: the source where there is one, since probing
 * it changes nothing, while for a target a drive would be mounted writable.
 */
export function endsOf({ name, type }: DeviceConfig, { rules }: Config, idle: Idle = 'without'): Ends {
  const isSource = rules.some(({ from }) => from === name);
  const isTarget = rules.some(({ to }) => to.includes(name));
  const isProbed = idle === 'to probe' && !isSource && !isTarget;
  const portable = !rules.some(({ to, names }) => to.includes(name) && names === 'as-is');
  return { source: isSource || isProbed, target: isTarget || (isProbed && !type.source), portable };
}

/** Makes a device with those ends; does no input or output. One that is only looked at (`idle`) has no limits of its link. */
export async function makeDevice(
  from: DeviceConfig,
  config: Config,
  services: ComposeContext,
  locks: Locks,
  idle?: Idle,
  ends: Ends = endsOf(from, config, idle),
): Promise<MadeDevice> {
  const { type, options } = from;
  const secrets = new Map<SecretRef, string>();
  const context = contextFor(config, from, services, secrets);
  const link = linkFor(idle ? undefined : type.link?.(options), context, services.policy);
  const source = ends.source ? await type.source?.(options, context) : undefined;
  const target = ends.target ? await type.target?.(options, context) : undefined;
  const reached = target && link.target(target);
  const device = guarded(from, source && link.source(source), portably(reached, from.name, ends), locks);
  return { device: { ...device, hurry: link.hurry }, from, ends, secrets };
}

/** What else makes a device that rules do not use. */
export interface StoreContext {
  readonly config: Config;
  readonly services: ComposeContext;
  readonly locks: Locks;
}

/** The device with one end, which rules need not use. It is of its own: the caller closes it. */
export async function makeEnd(
  from: DeviceConfig,
  end: 'source' | 'target',
  { config, services, locks }: StoreContext,
): Promise<Device> {
  const ends = { source: end === 'source', target: end === 'target', portable: false };
  return (await makeDevice(from, config, services, locks, undefined, ends)).device;
}

const portably = (target: Target | undefined, name: string, { portable }: Ends): Target | undefined =>
  target && portable ? withPortableNames(target, name) : target;

function guarded(
  { name, type, lock: lockName, connections }: DeviceConfig,
  source: Source | undefined,
  target: Target | undefined,
  locks: Locks,
): Device {
  const connectionLimits = [source, target].flatMap(end => (end ? [end.capabilities.connections] : []));
  const lock = lockName === undefined ? undefined : (locks.get(lockName) ?? new Mutex());
  if (lockName !== undefined && lock) locks.set(lockName, lock);
  const limits = limitsOf(connections ?? Math.min(...connectionLimits), lock);
  return {
    name,
    type: type.type,
    ...(source && { source: guardSource(source, limits) }),
    ...(target && { target: guardTarget(target, limits) }),
  };
}

function contextFor(
  config: Config,
  { name, options }: DeviceConfig,
  services: ComposeContext,
  secrets: Map<SecretRef, string>,
): DeviceContext {
  const { env, clock, logger, measures, mask, random = Math.random } = services;
  const { folder, local } = config;
  const secret = (ref: SecretRef) => {
    const value = resolveSecret(ref, { env, folder, key: keyOfSecret(name, options, ref) });
    secrets.set(ref, value);
    mask?.add(value);
    return value;
  };
  return {
    name,
    clock,
    random,
    env,
    vehicle: vehicleOf(config, services),
    local,
    logger: logger.child(name),
    measured: measure => measures?.next({ ...measure, device: name }),
    secret,
    resolvePath: path => resolvePath(folder, path, env),
  };
}
