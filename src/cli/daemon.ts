import { map } from 'rxjs';
import type { Config } from '../config/config.js';
import type { Admin } from '../api/admin.js';
import { serveControl } from '../api/server.js';
import { controlSocket } from '../api/socket.js';
import type { DeviceStatus } from '../engine/devices.js';
import type { Engine } from '../engine/engine.js';
import type { Logger } from '../ports.js';
import { untilAborted } from '../system/deadline.js';
import { oneLine } from '../system/logger.js';
import { reportToServiceManager } from '../system/service-manager.js';
import { misconfiguration } from './misconfiguration.js';
import type { Shell } from './shell.js';
import type { LiveLines } from './terminal/live-lines.js';
import { showProgress } from './terminal/progress.js';

export interface DaemonParts extends Pick<Shell, 'env' | 'clock' | 'stopped'> {
  readonly engine: Engine;
  readonly config: Pick<Config, 'file' | 'database'>;
  /** Serves commands over the socket. */
  readonly admin: Admin;
  readonly logger: Logger;
  /** Progress is shown there; without it, it is logged. */
  readonly live?: LiveLines | undefined;
}

/**
 * Runs the engine and serves commands over the socket until the program is stopped. Engine and socket are closed in any case.
 * Rejects with `config` if a device's first status is that its configuration cannot work.
 */
export async function workUntilStopped({
  engine,
  config,
  admin,
  logger,
  live,
  ...shell
}: DaemonParts): Promise<void> {
  try {
    await using _control = await serveControl(controlSocket(config.database), admin);
    logger.log('info', `working with ${config.file}`);
    using _shown = showProgress({ ...shell, engine, live, logger, isPass: false });
    await engine.start();
    const verdicts = engine.devices.pipe(map(verdictOn));
    using _reports = reportToServiceManager({ ...shell, logger, verdicts });
    await untilAborted(shell.stopped, misconfiguration(engine.devices));
    logger.log('info', 'stopping');
  } finally {
    await engine.stop();
  }
}

/** One line: how many devices are available, and why the others are not. */
export function verdictOn(devices: readonly DeviceStatus[]): string {
  const offline = devices.filter(({ available }) => !available);
  const count = `${devices.length - offline.length} of ${devices.length} devices available`;
  return oneLine([count, ...offline.map(({ name, reason }) => `${name}: ${reason}`)].join('; '));
}
