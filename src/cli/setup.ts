import { findConfig } from '../config/find.js';
import { loadConfig } from '../config/load.js';
import type { Config } from '../config/config.js';
import type { DeviceType } from '../config/definition.js';
import { deviceTypes } from '../devices/registry.js';
import type { Logger, LogLevel } from '../ports.js';
import { exists } from '../system/exists.js';
import { createLogger } from '../system/logger.js';
import type { LogRing } from '../system/log-ring.js';
import { report, type Shell } from './shell.js';

/** The logger of a command: lines on standard error, and in the ring. */
export function loggerFor(shell: Shell, level: LogLevel, ring?: Pick<LogRing, 'add'>): Logger {
  return createLogger({
    write: line => shell.printError(line.trimEnd()),
    level,
    clock: shell.clock,
    name: 'filesync',
    format: shell.logFormat,
    ...(ring && { entry: entry => ring.add(entry) }),
  });
}

/** Loads the configuration that the user named, or the one at its usual place, and prints its warnings. */
export async function configFor(
  shell: Shell,
  explicit: string | undefined,
  types: readonly DeviceType[] = deviceTypes,
): Promise<Config> {
  const file = await findConfig({
    ...(explicit !== undefined && { explicit }),
    env: shell.env,
    home: shell.home,
    exists,
  });
  const config = await loadConfig(file, { env: shell.env, deviceTypes: types });
  for (const warning of config.warnings) report(shell, 'warn', warning);
  if (config.formerDatabase === undefined) return config;
  const { placeOf } = await import('./database-place.js');
  const { database, warning } = await placeOf(config, shell.env);
  if (warning !== undefined) report(shell, 'warn', warning);
  return { ...config, database };
}
