import { EMPTY, map, of, type Observable } from 'rxjs';
import { statusFeed } from '../api/status-feed.js';
import type { Config } from '../config/config.js';
import type { LiveApi } from '../api/api.js';
import { serveControl } from '../api/server.js';
import { controlSocket } from '../api/socket.js';
import type { Engine } from '../engine/engine.js';
import { toFileSyncError } from '../errors.js';
import type { Notifier } from '../notify/notifier.js';
import type { Logger } from '../ports.js';
import { untilAborted } from '../system/deadline.js';
import { oneLine } from '../system/logger.js';
import { withLocalTimes } from '../system/short-time.js';
import { hasServiceManager, reportToServiceManager } from '../system/service-manager.js';
import { misconfiguration } from './misconfiguration.js';
import type { FleetPart } from './fleet-part.js';
import type { Reloader, ReloadState } from './reload.js';
import type { Shell } from './shell.js';
import type { LiveLines } from './terminal/live-lines.js';
import { showProgress } from './terminal/progress.js';
import type { WebPage } from './web-page.js';

export interface DaemonParts extends Pick<Shell, 'env' | 'clock' | 'stopped'> {
  readonly engine: Engine;
  readonly config: Pick<Config, 'file' | 'folder' | 'database' | 'web'>;
  /** Serves commands over the socket. */
  readonly api: LiveApi;
  readonly logger: Logger;
  /** Reloads of the configuration. */
  readonly reloader?: Pick<Reloader, 'state' | 'begin'>;
  readonly notifier?: Pick<Notifier, 'start' | 'stop'>;
  readonly page?: Pick<WebPage, 'start' | 'stop'>;
  readonly fleet?: Pick<FleetPart, 'start' | 'stop'>;
  /** Progress is shown there; without it, it is logged. */
  readonly live?: LiveLines | undefined;
}

/**
 * Runs the engine and serves commands over the socket until the program is stopped. Engine and socket are closed in any case.
 * Rejects with `config` if a device's first status is that its configuration cannot work. What may pass, such as a port that is
 * taken, does not end a service, since no person is there to start it again.
 */
export async function workUntilStopped({
  engine,
  config,
  api,
  logger,
  live,
  reloader,
  notifier,
  page,
  fleet,
  ...shell
}: DaemonParts): Promise<void> {
  try {
    await using _control = await serveControl(controlSocket(config.database), api);
    logger.log('info', `working with ${config.file}`);
    using _shown = showProgress({ ...shell, engine, live, logger, isPass: false });
    await page?.start(config, api);
    notifier?.start();
    await engine.start();
    await fleet?.start(api);
    reloader?.begin();
    const reloads: Observable<ReloadState> = reloader?.state ?? EMPTY;
    const { records, devices, progress, scans: sources } = engine;
    const status = statusFeed(api, { records, devices, progress, reloads, sources }, shell.clock);
    const verdicts = status.pipe(
      map(({ verdict }) => oneLine(withLocalTimes(verdict.text, shell.clock.now()))),
    );
    const reloading = reloads.pipe(map(({ running }) => running));
    using _reports = reportToServiceManager({ ...shell, logger, verdicts, reloading });
    const wrong = misconfiguration(engine.devices, { onlyPermanent: hasServiceManager(shell.env) });
    await untilAborted(shell.stopped, wrong);
    logger.log('info', 'stopping');
  } finally {
    await page?.stop();
    await Promise.all([notifier?.stop(), fleet?.stop()]);
    await engine.stop();
  }
}

/** Between two attempts to open a database that is in use. */
const LOCK_RETRY_INTERVAL_MS = 5_000;

/**
 * Makes the engine. Under a service manager, a database that another filesync uses (a `sync` of a timer, say) is waited for
 * until the program is stopped; elsewhere it is an error at once.
 */
export async function whenDatabaseIsFree<Made>(
  make: () => Promise<Made>,
  shell: Pick<DaemonParts, 'env' | 'clock' | 'stopped' | 'logger'>,
): Promise<Made> {
  try {
    return await make();
  } catch (thrown) {
    const waiting = `waiting: ${toFileSyncError(thrown).message}`;
    if (!isHeld(thrown) || !hasServiceManager(shell.env)) throw thrown;
    using _reports = reportToServiceManager({ ...shell, verdicts: of(oneLine(waiting)) });
    for (;;) {
      shell.logger.log('warn', waiting);
      await shell.clock.sleep(LOCK_RETRY_INTERVAL_MS, shell.stopped);
      const made = await make().catch(undefinedWhileHeld);
      if (made) return made;
    }
  }
}

/** Whether another process holds the database's lock. */
function isHeld(thrown: unknown): boolean {
  const { operation, kind } = toFileSyncError(thrown);
  return operation === 'lock' && kind === 'config';
}

function undefinedWhileHeld(thrown: unknown): undefined {
  if (!isHeld(thrown)) throw thrown;
}
