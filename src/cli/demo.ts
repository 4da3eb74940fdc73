import { fileURLToPath } from 'node:url';
import { filter, firstValueFrom, map, merge, of, takeUntil, timer } from 'rxjs';
import { compose } from '../compose.js';
import { loadConfig } from '../config/load.js';
import { setStage, type Flight, type Stage } from '../demo/stage.js';
import { deviceTypes } from '../devices/registry.js';
import { FileSyncError } from '../errors.js';
import type { Engine } from '../engine/engine.js';
import { daemonPolicy } from '../system/back-off.js';
import { untilAborted } from '../system/deadline.js';
import { formatSize } from '../system/size.js';
import { isDelivered } from '../record/state.js';
import { defineCommand, logging } from './command.js';
import { table } from './print.js';
import { loggerFor } from './setup.js';
import { ExitCode, signalExitCode, type Shell } from './shell.js';

/** Real flight logs that come with the package, whose folder holds `dist` or `src`. */
const LOGS = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../test/data' : '../test/data', import.meta.url),
);

/** The main job has failed if it is not done within this many ms. */
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
    const stage = await setStage(args.logs, { ...shell, logger });
    try {
      if (stage.flights.length === 0) throw new FileSyncError('config', `no .ulg files in ${args.logs}`);
      for (const line of stage.cast) shell.print(line);
      const config = await loadConfig(stage.configFile, { env: stage.env, deviceTypes });
      const engine = await compose(config, { ...shell, env: stage.env, logger }, daemonPolicy);
      await deliver(engine, stage.flights.length, shell);
      if (shell.stopped.aborted) return signalExitCode(shell.stopped);
      return await report(stage, shell);
    } finally {
      await stage.close();
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

async function report(stage: Stage, shell: Shell): Promise<number> {
  const rows = await Promise.all(stage.flights.map(flight => row(stage, flight)));
  for (const line of table([HEADING, ...rows.map(({ cells }) => cells)])) shell.print(line);
  const whole = rows.filter(one => one.whole).length;
  shell.print(`${whole} of ${rows.length} flight logs are whole everywhere`);
  return whole === rows.length ? ExitCode.DONE : ExitCode.INCOMPLETE;
}

const HEADING = ['FLIGHT LOG', 'SIZE', 'SHA-256', 'LOCAL', 'FTP', 'FLIGHT REVIEW'];

async function row(stage: Stage, flight: Flight) {
  const { path, size, sha256 } = flight;
  const { local, ftp, website } = await stage.arrival(flight);
  const places = [local, ftp, website];
  const marks = places.map(hash => (hash === undefined ? 'missing' : hash === sha256 ? 'same' : 'DIFFERENT'));
  const cells = [path, formatSize(size), `${sha256.slice(0, 16)}…`, ...marks];
  return { cells, whole: places.every(hash => hash === sha256) };
}
