import type { Config } from '../config/config.js';
import type { Admin } from '../control/admin.js';
import { serveControl } from '../control/server.js';
import { controlSocket } from '../control/socket.js';
import type { Engine } from '../engine/engine.js';
import type { Logger } from '../ports.js';
import { untilAborted } from '../system/deadline.js';
import { misconfiguration } from './misconfiguration.js';

export interface DaemonParts {
  readonly engine: Engine;
  readonly config: Pick<Config, 'file' | 'database'>;
  /** Serves commands over the socket. */
  readonly admin: Admin;
  readonly logger: Logger;
  readonly stopped: AbortSignal;
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
  stopped,
}: DaemonParts): Promise<void> {
  try {
    await using _control = await serveControl(controlSocket(config.database), admin);
    logger.log('info', `working with ${config.file}`);
    await engine.start();
    await untilAborted(stopped, misconfiguration(engine.devices));
    logger.log('info', 'stopping');
  } finally {
    await engine.stop();
  }
}
