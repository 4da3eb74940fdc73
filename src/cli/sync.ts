import { compose } from '../compose.js';
import { DatabaseApi } from '../api/database-api.js';
import { serveControl } from '../api/server.js';
import { controlSocket } from '../api/socket.js';
import type { PassReport } from '../engine/engine.js';
import { passPolicy } from '../system/back-off.js';
import { untilAborted } from '../system/deadline.js';
import { TransferBars } from './bars.js';
import { common, defineCommand, logging } from './command.js';
import { plain } from './print.js';
import { misconfiguration } from './misconfiguration.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, signalExitCode, type Shell } from './shell.js';

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
    const bars = shell.interactive ? new TransferBars(shell) : undefined;
    const logger = loggerFor(
      bars ? { ...shell, printError: line => bars.above(line) } : shell,
      args.logLevel,
    );
    const engine = await compose(config, { ...shell, logger }, passPolicy);
    const { records } = engine;
    const api = new DatabaseApi({ records, clock: shell.clock, local: config.local, daemon: engine });
    bars?.watch(engine.progress);
    try {
      await using _control = await serveControl(controlSocket(config.database), api);
      const pass = Promise.race([engine.pass(), misconfiguration(engine.devices)]);
      const report = await untilAborted(shell.stopped, pass);
      return report ? printReport(shell, api, report, args.json) : signalExitCode(shell.stopped);
    } finally {
      bars?.stop();
      await engine.stop();
    }
  },
});

function printReport(shell: Shell, api: DatabaseApi, report: PassReport, json: boolean): number {
  const result = summary(api, report);
  if (json) shell.print(JSON.stringify(result));
  else for (const line of lines(result)) shell.print(line);
  const failed = report.scans.some(scan => scan.error);
  return failed || report.unfinished.length > 0 ? ExitCode.INCOMPLETE : ExitCode.DONE;
}

function summary({ view }: DatabaseApi, { scans, delivered, unfinished }: PassReport) {
  const unreachable = scans.flatMap(({ device, error }) =>
    error ? [{ device, reason: error.message }] : [],
  );
  const growing = scans.flatMap(scan => scan.growing.map(path => ({ device: scan.device, path })));
  return { delivered: delivered.map(view), unfinished: unfinished.map(view), growing, unreachable };
}

function lines({ delivered, unfinished, growing, unreachable }: ReturnType<typeof summary>): string[] {
  return [
    ...unreachable.map(({ device, reason }) => `${device}: could not be listed: ${plain(reason)}`),
    ...growing.map(
      ({ device, path }) => `${device}:${plain(path)}: may still be growing, left for the next pass`,
    ),
    ...unfinished.map(record => {
      const { device, path, state, waiting, reason } = record;
      const why = reason || (waiting[0]?.text ?? 'waits for the next pass');
      return `${device}:${plain(path)}: ${state}: ${plain(why)}`;
    }),
    `${delivered.length} delivered, ${unfinished.length} unfinished`,
  ];
}
