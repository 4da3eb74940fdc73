import { fileURLToPath } from 'node:url';
import { filter, firstValueFrom, map, merge, of, takeUntil, timer } from 'rxjs';
import { compose } from '../compose.js';
import { loadConfig } from '../config/load.js';
import { startDemoParts, type Flight, type DemoParts } from '../demo/parts.js';
import { deviceTypes } from '../devices/registry.js';
import { FileSyncError } from '../errors.js';
import type { Engine } from '../engine/engine.js';
import { daemonPolicy } from '../system/back-off.js';
import { untilAborted } from '../system/deadline.js';
import { formatSize } from '../system/size.js';
import { isDelivered } from '../record/state.js';
import { fitted } from './columns.js';
import { defineCommand, logging } from './command.js';
import { loggerFor } from './setup.js';
import { ExitCode, signalExitCode, type Shell } from './shell.js';

/** The flight logs of the package, whose folder holds `dist` or `src`. */
const LOGS = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../test/data' : '../test/data', import.meta.url),
);

/** The demo has failed if it takes longer. */
const DEMO_TIMEOUT_MS = 120_000;

export const demo = defineCommand({
  endsCleanly: true,
  options: {
    logs: {
      type: 'string',
      default: LOGS,
      defaultDescription: 'two that come with the package',
      requiresArg: true,
      describe: 'folder whose .ulg files are on the autopilot',
    },
    ...logging,
  },
  async run(args, shell) {
    const logger = loggerFor(shell, args.logLevel);
    const parts = await startDemoParts(args.logs, { ...shell, logger });
    try {
      if (parts.flights.length === 0) throw new FileSyncError('config', `no .ulg files in ${args.logs}`);
      for (const line of parts.descriptions) shell.print(line);
      const config = await loadConfig(parts.configFile, { env: parts.env, deviceTypes });
      const { engine } = await compose(config, { ...shell, env: parts.env, logger }, daemonPolicy);
      await deliver(engine, parts.flights.length, shell);
      if (shell.stopped.aborted) return signalExitCode(shell.stopped);
      return await report(parts, shell);
    } finally {
      await parts.close();
    }
  },
});

async function deliver(engine: Engine, wanted: number, shell: Shell): Promise<void> {
  const { records } = engine;
  const delivered = () => [...records.all()].filter(isDelivered).length;
  const all = merge(of(undefined), records.changes).pipe(
    map(delivered),
    filter(count => count === wanted),
    takeUntil(timer(DEMO_TIMEOUT_MS)),
  );
  const done = firstValueFrom(all, { defaultValue: 0 });
  await engine.start();
  await untilAborted(shell.stopped, done);
  await engine.stop();
}

async function report(parts: DemoParts, shell: Shell): Promise<number> {
  const rows = await Promise.all(parts.flights.map(flight => row(parts, flight)));
  const cells = rows.map(one => one.cells);
  for (const line of fitted(COLUMNS, cells)) shell.print(line);
  const whole = rows.filter(one => one.whole).length;
  shell.print(`${whole} of ${rows.length} flight logs are whole everywhere`);
  return whole === rows.length ? ExitCode.DONE : ExitCode.INCOMPLETE;
}

const COLUMNS = ['FLIGHT LOG', 'SIZE', 'SHA-256', 'LOCAL', 'FTP', 'FLIGHT REVIEW'].map(heading => ({
  heading,
}));

async function row(parts: DemoParts, flight: Flight) {
  const { path, size, sha256 } = flight;
  const { local, ftp, website } = await parts.arrival(flight);
  const places = [local, ftp, website];
  const marks = places.map(hash => (hash === undefined ? 'missing' : hash === sha256 ? 'same' : 'DIFFERENT'));
  const cells = [path, formatSize(size), `${sha256.slice(0, 16)}…`, ...marks];
  return { cells, whole: places.every(hash => hash === sha256) };
}
