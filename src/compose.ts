import { Mutex } from 'async-mutex';
import type { Config, DeviceConfig } from './config/config.js';
import { resolvePath } from './config/paths.js';
import { resolveSecret } from './config/secrets.js';
import { openStore } from './db/store.js';
import type { DeviceContext } from './config/definition.js';
import { guardSource, guardTarget, inBothTurns, limitsOf } from './devices/guard.js';
import { LocalStorage } from './local/storage.js';
import { Engine } from './pipeline/engine.js';
import type { Device } from './pipeline/hub.js';
import type { RetryPolicy } from './pipeline/retry-policy.js';
import { Wording } from './pipeline/wording.js';
import type { Clock, Logger, Source, Store, Target } from './ports.js';
import { DescriptionFile } from './rules/coex.js';
import { Planner } from './rules/plan.js';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Machine {
  readonly engine: Engine;
  readonly store: Store;
}

/** A configuration as a machine that stands ready. Holds the database's lock until the engine is stopped. */
export async function compose(config: Config, around: Surroundings, policy: RetryPolicy): Promise<Machine> {
  const { clock, logger, hostname } = around;
  const store = await openStore(config.database, { clock, logger: logger.child('database') });
  const local = new LocalStorage(config.local);
  const planner = new Planner(config.rules);
  const descriptionFile = new DescriptionFile(config.descriptionFile, logger);
  const wording = new Wording({ planner, local, hostname, descriptionFile });
  const devices = makeDevices(config, around, 'without');
  const parts = { devices, store, local, planner, wording, clock, logger, policy, random: Math.random };
  return { engine: new Engine({ ...parts, interval: config.interval, useBoth: inBothTurns }), store };
}

/**
 * The configured devices with the ends that rules use. `idle` devices, in no rule, have no end, or one to look at: to
 * look at a source changes nothing, while for a target a drive would be mounted to be written to.
 */
export function makeDevices(config: Config, around: Surroundings, idle: 'without' | 'to look at'): Device[] {
  const sources = new Set(config.rules.map(rule => rule.from));
  const targets = new Set(config.rules.flatMap(rule => rule.to));
  const locks = new Map<string, Mutex>();
  return [...config.devices.values()].map(device => {
    const { name, type, options } = device;
    const context = contextFor(config, device, around);
    const looked = idle === 'to look at' && !sources.has(name) && !targets.has(name);
    const source = looked || sources.has(name) ? type.source?.(options, context) : undefined;
    const target = (looked && !source) || targets.has(name) ? type.target?.(options, context) : undefined;
    return guarded(device, source, target, locks);
  });
}

function guarded(
  { name, type, lock: lockName, connections }: DeviceConfig,
  source: Source | undefined,
  target: Target | undefined,
  locks: Map<string, Mutex>,
): Device {
  const borne = [source, target].flatMap(end => (end ? [end.capabilities.connections] : []));
  const lock = lockName === undefined ? undefined : (locks.get(lockName) ?? new Mutex());
  if (lockName !== undefined && lock) locks.set(lockName, lock);
  const limits = limitsOf(connections ?? Math.min(...borne), lock);
  return {
    name,
    type: type.type,
    ...(source && { source: guardSource(source, limits) }),
    ...(target && { target: guardTarget(target, limits) }),
  };
}

function contextFor(
  config: Config,
  { name }: DeviceConfig,
  { env, clock, logger }: Surroundings,
): DeviceContext {
  const { folder, local } = config;
  return {
    name,
    clock,
    env,
    local,
    logger: logger.child(name),
    secret: ref => resolveSecret(ref, { env, folder }),
    resolvePath: path => resolvePath(folder, path, env),
  };
}
