import { compose } from '../compose.js';
import type { PassReport } from '../pipeline/engine.js';
import { passPolicy } from '../pipeline/retry-policy.js';
import { stateName } from '../pipeline/state-name.js';
import { TransferBars } from './bars.js';
import { common, defineCommand } from './command.js';
import { plain } from './print.js';
import { configFor, loggerFor, misconfiguration } from './setup.js';
import { ExitCode, signalExitCode, untilStopped, type Shell } from './shell.js';

export const sync = defineCommand({
  usage: 'sync',
  summary: 'one pass: find, fetch, deliver everything, then exit',
  options: { config: common.config, json: common.json, 'log-level': common.logLevel },
  async run(args, shell) {
    const config = await configFor(shell, args.config);
    const bars = shell.interactive ? new TransferBars(shell) : undefined;
    const logger = loggerFor(bars ? { ...shell, complain: line => bars.above(line) } : shell, args.logLevel);
    const machine = await compose(config, { ...shell, logger }, passPolicy);
    bars?.watch(machine.engine.progress);
    try {
      const { engine } = machine;
      const ends = [engine.pass(), untilStopped(shell.stopped), misconfiguration(engine.devices)];
      const report = await Promise.race(ends);
      return report ? tell(shell, report, args.json) : signalExitCode(shell.stopped);
    } finally {
      bars?.stop();
      await machine.engine.stop();
    }
  },
});

function tell(shell: Shell, report: PassReport, json: boolean): number {
  if (json) shell.print(JSON.stringify(summary(report)));
  else for (const line of lines(report)) shell.print(line);
  const failed = report.scans.some(scan => scan.error);
  return failed || report.unfinished.length > 0 ? ExitCode.INCOMPLETE : ExitCode.DONE;
}

function summary({ scans, delivered, unfinished }: PassReport) {
  const unreachable = scans.flatMap(({ device, error }) =>
    error ? [{ device, reason: error.message }] : [],
  );
  const growing = scans.flatMap(scan => scan.growing.map(path => ({ device: scan.device, path })));
  return { delivered, unfinished, growing, unreachable };
}

function lines(report: PassReport): string[] {
  const { delivered, unfinished, growing, unreachable } = summary(report);
  return [
    ...unreachable.map(({ device, reason }) => `${device}: could not be listed: ${plain(reason)}`),
    ...growing.map(
      ({ device, path }) => `${device}:${plain(path)}: may still be growing, left for the next pass`,
    ),
    ...unfinished.map(record => {
      const { device, path, state, reason = 'waits for the next pass' } = record;
      return `${device}:${plain(path)}: ${stateName(state)}: ${plain(reason)}`;
    }),
    `${delivered.length} delivered, ${unfinished.length} unfinished`,
  ];
}
