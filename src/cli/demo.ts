import { fileURLToPath } from 'node:url';
import { filter, firstValueFrom, map, merge, of, takeUntil, timer } from 'rxjs';
import { flightPage } from '../api/flights.js';
import { compose } from '../compose.js';
import { loadConfig } from '../config/load.js';
import { startDemoParts, type DemoParts, type FlightLog } from '../demo/parts.js';
import { deviceTypes } from '../devices/registry.js';
import { FileSyncError } from '../errors.js';
import type { Engine } from '../engine/engine.js';
import { daemonPolicy } from '../system/back-off.js';
import { untilAborted } from '../system/deadline.js';
import { formatSize } from '../system/size.js';
import { isDelivered } from '../record/state.js';
import { fitted } from './columns.js';
import { defineCommand, logging } from './command.js';
import { flightTable } from './flight-table.js';
import { run } from './run.js';
import { loggerFor } from './setup.js';
import { ExitCode, signalExitCode, type Shell } from './shell.js';

/** The flight logs of the package, whose folder holds `dist` or `src`. */
const LOGS = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../test/data' : '../test/data', import.meta.url),
);

/** Where `--web` alone serves the page: the port of the package's configuration. */
const PAGE = '127.0.0.1:8474';

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
    web: {
      type: 'string',
      describe: 'keep running and serve the web page, at the address and port if they are named',
      defaultDescription: `${PAGE} with --web alone`,
    },
    ...logging,
  },
  async run(args, shell) {
    const logger = loggerFor(shell, args.logLevel);
    const page = args.web === undefined ? {} : { web: { listen: args.web || PAGE } };
    const parts = await startDemoParts(args.logs, { ...shell, logger }, page);
    try {
      if (parts.logs.length === 0) throw new FileSyncError('config', `no .ulg files in ${args.logs}`);
      for (const line of parts.descriptions) shell.print(line);
      if (args.web !== undefined) return await keepRunning(parts, args, shell);
      const config = await loadConfig(parts.configFile, { env: parts.env, deviceTypes });
      const { engine } = await compose(config, { ...shell, env: parts.env, logger }, daemonPolicy);
      await deliver(engine, parts.logs.length, shell);
      if (shell.stopped.aborted) return signalExitCode(shell.stopped);
      const exitCode = await report(parts, shell);
      for (const line of flightLines(engine, shell)) shell.print(line);
      return exitCode;
    } finally {
      await parts.close();
    }
  },
});

/** As `filesync run` works, until it is stopped. */
async function keepRunning(
  { configFile, env }: DemoParts,
  args: Parameters<typeof run.run>[0],
  shell: Shell,
): Promise<number> {
  return run.run({ ...args, config: configFile }, { ...shell, env });
}

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
  const rows = await Promise.all(parts.logs.map(log => row(parts, log)));
  const cells = rows.map(one => one.cells);
  for (const line of fitted(COLUMNS, cells)) shell.print(line);
  const whole = rows.filter(one => one.whole).length;
  shell.print(`${whole} of ${rows.length} flight logs are whole everywhere`);
  return whole === rows.length ? ExitCode.DONE : ExitCode.INCOMPLETE;
}

/** What `filesync flights` would show. */
function flightLines({ records }: Engine, shell: Shell): string[] {
  const { flights } = flightPage(records.all(), {}, () => [], shell.clock);
  return ['', ...flightTable(flights, shell)];
}

const COLUMNS = ['FLIGHT LOG', 'SIZE', 'SHA-256', 'LOCAL', 'FTP', 'FLIGHT REVIEW'].map(heading => ({
  heading,
}));

async function row(parts: DemoParts, log: FlightLog) {
  const { path, size, sha256 } = log;
  const { local, ftp, website } = await parts.arrival(log);
  const places = [local, ftp, website];
  const marks = places.map(hash => (hash === undefined ? 'missing' : hash === sha256 ? 'same' : 'DIFFERENT'));
  const cells = [path, formatSize(size), `${sha256.slice(0, 16)}…`, ...marks];
  return { cells, whole: places.every(hash => hash === sha256) };
}
