import { map } from 'rxjs';
import { statusFeed } from '../api/status-feed.js';
import type { Config } from '../config/config.js';
import type { Api } from '../api/api.js';
import { serveControl } from '../api/server.js';
import { controlSocket } from '../api/socket.js';
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
  readonly api: Api;
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
  api,
  logger,
  live,
  ...shell
}: DaemonParts): Promise<void> {
  try {
    await using _control = await serveControl(controlSocket(config.database), api);
    logger.log('info', `working with ${config.file}`);
    using _shown = showProgress({ ...shell, engine, live, logger, isPass: false });
    await engine.start();
    const verdicts = statusFeed(api, engine, shell.clock).pipe(map(({ verdict }) => oneLine(verdict.text)));
    using _reports = reportToServiceManager({ ...shell, logger, verdicts });
    await untilAborted(shell.stopped, misconfiguration(engine.devices));
    logger.log('info', 'stopping');
  } finally {
    await engine.stop();
  }
}
