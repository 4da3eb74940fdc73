import { compose } from '../compose.js';
import { StoreAdmin } from '../api/store-admin.js';
import type { Engine, PassReport } from '../engine/engine.js';
import { passPolicy } from '../system/back-off.js';
import { stateName } from '../record/state.js';
import { untilAborted } from '../system/deadline.js';
import { TransferBars } from './bars.js';
import { common, defineCommand, logging } from './command.js';
import { plain } from './print.js';
import { misconfiguration } from './misconfiguration.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, signalExitCode, type Shell } from './shell.js';

export const sync = defineCommand({
  endsCleanly: true,
  options: { config: common.config, json: common.json, ...logging },
  async run(args, shell) {
    const config = await configFor(shell, args.config);
    const bars = shell.interactive ? new TransferBars(shell) : undefined;
    const logger = loggerFor(
      bars ? { ...shell, printError: line => bars.above(line) } : shell,
      args.logLevel,
    );
    const engine = await compose(config, { ...shell, logger }, passPolicy);
    bars?.watch(engine.progress);
    try {
      const pass = Promise.race([engine.pass(), misconfiguration(engine.devices)]);
      const report = await untilAborted(shell.stopped, pass);
      return report ? printReport(shell, engine, report, args.json) : signalExitCode(shell.stopped);
    } finally {
      bars?.stop();
      await engine.stop();
    }
  },
});

function printReport(shell: Shell, engine: Engine, report: PassReport, json: boolean): number {
  const result = summary(engine, report);
  if (json) shell.print(JSON.stringify(result));
  else for (const line of lines(result)) shell.print(line);
  const failed = report.scans.some(scan => scan.error);
  return failed || report.unfinished.length > 0 ? ExitCode.INCOMPLETE : ExitCode.DONE;
}

function summary(engine: Engine, { scans, delivered, unfinished }: PassReport) {
  const { view } = new StoreAdmin(engine.records, engine);
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
      const { device, path, state, waits = 'waits for the next pass', reason = waits } = record;
      return `${device}:${plain(path)}: ${stateName(state)}: ${plain(reason)}`;
    }),
    `${delivered.length} delivered, ${unfinished.length} unfinished`,
  ];
}
