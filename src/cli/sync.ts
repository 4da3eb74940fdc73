import { compose, type Composed } from '../compose.js';
import { DatabaseApi } from '../api/database-api.js';
import { serveControl } from '../api/server.js';
import { controlSocket } from '../api/socket.js';
import type { Config } from '../config/config.js';
import type { Logger } from '../ports.js';
import type { PassReport } from '../record/scan.js';
import { isUnfinished } from '../record/state.js';
import { passPolicy } from '../system/back-off.js';
import { untilAborted } from '../system/deadline.js';
import { Grouping } from '../units/grouping.js';
import { common, defineCommand, logging } from './command.js';
import { FleetPart } from './fleet-part.js';
import { Observed } from './live-parts.js';
import { misconfiguration } from './misconfiguration.js';
import { notifierOf } from './notifying.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, signalExitCode, type Shell } from './shell.js';
import { showProgress } from './terminal/progress.js';
import { DeliveryCounts, stoppedLines, summaryLines, type PassSummary } from './terminal/summary.js';

/** The end of a pass waits at most that long for notifications; what has not arrived is told by the next one. */
const MAX_NOTIFYING_MS = 10_000;

export const sync = defineCommand({
  endsCleanly: true,
  options: {
    config: common.config,
    json: common.json,
    'dry-run': { type: 'boolean', default: false, describe: 'only say what would be done; change nothing' },
    ...logging,
  },
  async run(args, shell) {
    if (args.dryRun)
      return (await import('./dry-run.js')).dryRun(args, shell, loggerFor(shell, args.logLevel));
    const config = await configFor(shell, args.config);
    const observed = new Observed(shell.clock);
    const logger = loggerFor(shell, args.logLevel, observed.log);
    const { measures, mask } = observed;
    const composed = await compose(config, { ...shell, logger, measures, mask }, passPolicy);
    const { engine, planner } = composed;
    const { records } = engine;
    const { clock, hostname } = shell;
    const about = { clock, hostname, local: config.local, grouping: new Grouping(planner) };
    const api = new DatabaseApi({ records, ...about, daemon: engine, live: observed.partsOf(composed) });
    const counts = new DeliveryCounts(records);
    const fleet = new FleetPart({ ...shell, logger, measures, mask }, composed, config);
    const result = await passOf({ composed, config, api, shell, logger, fleet });
    if (!result) {
      const unfinished = [...records.all()].filter(isUnfinished).map(api.view);
      if (!args.json) for (const line of stoppedLines(unfinished, counts)) shell.print(line);
      return signalExitCode(shell.stopped);
    }
    if (args.json) shell.print(JSON.stringify(result));
    else for (const line of summaryLines(result, counts, args.config)) shell.print(line);
    const { unreachable, unfinished } = result;
    return unreachable.length > 0 || unfinished.length > 0 ? ExitCode.INCOMPLETE : ExitCode.DONE;
  },
});

interface PassParts {
  readonly composed: Composed;
  readonly config: Config;
  readonly api: DatabaseApi;
  readonly shell: Shell;
  readonly logger: Logger;
  readonly fleet: FleetPart;
}

/** Makes one pass, shows its progress, and stops the engine. Undefined if the program was stopped before its end. */
async function passOf(parts: PassParts): Promise<PassSummary | undefined> {
  const { composed, config, api, shell, logger, fleet } = parts;
  const { engine } = composed;
  const notifier = notifierOf(composed, config, { ...shell, logger });
  try {
    await using _control = await serveControl(controlSocket(config.database), api);
    using _shown = showProgress({ ...shell, engine, logger, isPass: true });
    notifier.start();
    const pass = Promise.race([engine.pass(), misconfiguration(engine.devices)]);
    const report = await untilAborted(shell.stopped, pass);
    const telling = [notifier, { finish: fleet.finish.bind(fleet, api) }];
    if (report) await Promise.all(telling.map(one => one.finish(MAX_NOTIFYING_MS, shell.stopped)));
    return report && summary(api, report);
  } finally {
    await Promise.all([notifier.stop(), fleet.stop()]);
    await engine.stop();
  }
}

function summary({ view }: DatabaseApi, { scans, delivered, unfinished }: PassReport): PassSummary {
  const unreachable = scans.flatMap(({ device, error }) =>
    error ? [{ device, reason: error.message }] : [],
  );
  const growing = scans.flatMap(scan => scan.growing.map(path => ({ device: scan.device, path })));
  return { delivered: delivered.map(view), unfinished: unfinished.map(view), growing, unreachable };
}
