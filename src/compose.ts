import { Mutex } from 'async-mutex';
import type { Config, DeviceConfig } from './config/config.js';
import { resolvePath } from './config/paths.js';
import { keyOfSecret, resolveSecret } from './config/secrets.js';
import { openStore } from './db/store.js';
import type { DeviceContext } from './config/definition.js';
import { guardSource, guardTarget, withBoth, limitsOf } from './devices/guard.js';
import { withPortableNames } from './devices/portable-target.js';
import { LocalStorage } from './local/storage.js';
import { Engine } from './engine/engine.js';
import type { Device } from './engine/devices.js';
import type { RetryPolicy } from './system/back-off.js';
import type { Clock, Logger, Source, Target } from './ports.js';
import { DescriptionFile } from './config/description-file.js';
import { Planner } from './rules/plan.js';
import { TemplateContext } from './rules/template-context.js';
import { isInMemory } from './system/memory-file-system.js';

export interface ComposeContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes the engine of a configuration. It holds the database's lock until it is stopped. */
export async function compose(
  config: Config,
  services: ComposeContext,
  policy: RetryPolicy,
): Promise<Engine> {
  const { clock, logger, hostname } = services;
  for (const warning of await memoryWarnings(config)) logger.log('warn', warning);
  const { modes } = config;
  const store = await openStore(config.database, { clock, modes, logger: logger.child('database') });
  const descriptionFile = new DescriptionFile(config.descriptionFile, logger);
  return new Engine({
    ...{ store, clock, logger, policy, random: Math.random, useBoth: withBoth },
    devices: await makeDevices(config, services, 'without'),
    local: new LocalStorage(config.local, { modes, minFree: config.minFree }),
    planner: new Planner(config.rules),
    templates: new TemplateContext({ hostname, descriptionFile }),
    interval: config.interval,
    keepRecords: config.keepRecords,
  });
}

/** A warning for each of the program's own places that is on a file system in memory. */
export async function memoryWarnings({ local, database }: Config): Promise<string[]> {
  const places = { local, database };
  const found: string[] = [];
  for (const [key, path] of Object.entries(places))
    if (await isInMemory(path))
      found.push(`${key}: ${path} is in memory and is lost without power: name a folder on a disk`);
  return found;
}

/**
 * The configured devices with the ends that rules use. `idle` devices, in no rule, have no end, or one to probe: the source
 * where there is one, since probing it changes nothing, while for a target a drive would be mounted writable.
 */
export async function makeDevices(
  config: Config,
  services: ComposeContext,
  idle: 'without' | 'to probe',
): Promise<Device[]> {
  const sources = new Set(config.rules.map(rule => rule.from));
  const targets = new Set(config.rules.flatMap(rule => rule.to));
  const locks = new Map<string, Mutex>();
  const asIs = new Set(config.rules.flatMap(({ to, names }) => (names === 'as-is' ? to : [])));
  const making = [...config.devices.values()].map(async device => {
    const { name, type, options } = device;
    const context = contextFor(config, device, services);
    const probed = idle === 'to probe' && !sources.has(name) && !targets.has(name);
    const source = probed || sources.has(name) ? await type.source?.(options, context) : undefined;
    const target =
      (probed && !source) || targets.has(name) ? await type.target?.(options, context) : undefined;
    return guarded(device, source, portably(target, name, asIs), locks);
  });
  return Promise.all(making);
}

/** A rule that insists on names as they are keeps its targets from learning others. */
const portably = (target: Target | undefined, name: string, asIs: ReadonlySet<string>): Target | undefined =>
  target && !asIs.has(name) ? withPortableNames(target, name) : target;

function guarded(
  { name, type, lock: lockName, connections }: DeviceConfig,
  source: Source | undefined,
  target: Target | undefined,
  locks: Map<string, Mutex>,
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
  { env, clock, logger }: ComposeContext,
): DeviceContext {
  const { folder, local } = config;
  return {
    name,
    clock,
    env,
    local,
    logger: logger.child(name),
    secret: ref => resolveSecret(ref, { env, folder, key: keyOfSecret(name, options, ref) }),
    resolvePath: path => resolvePath(folder, path, env),
  };
}
