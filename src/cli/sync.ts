import { compose } from '../compose.js';
import { StoreAdmin } from '../api/store-admin.js';
import type { Engine, PassReport } from '../engine/engine.js';
import type { Logger } from '../ports.js';
import { passPolicy } from '../system/back-off.js';
import { untilAborted } from '../system/deadline.js';
import { common, defineCommand, logging } from './command.js';
import { misconfiguration } from './misconfiguration.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, signalExitCode, type Shell } from './shell.js';
import { showProgress } from './terminal/progress.js';
import { DeliveryCounts, stoppedLines, summaryLines, type PassSummary } from './terminal/summary.js';

export const sync = defineCommand({
  endsCleanly: true,
  options: { config: common.config, json: common.json, ...logging },
  async run(args, shell) {
    const config = await configFor(shell, args.config);
    const logger = loggerFor(shell, args.logLevel);
    const engine = await compose(config, { ...shell, logger }, passPolicy);
    const counts = new DeliveryCounts(engine.records);
    const result = await passOf(engine, { ...shell, logger });
    if (!args.json)
      for (const line of result
        ? summaryLines(result, counts, args.config)
        : stoppedLines(engine.records, counts))
        shell.print(line);
    if (!result) return signalExitCode(shell.stopped);
    if (args.json) shell.print(JSON.stringify(result));
    return result.unreachable.length > 0 || result.unfinished.length > 0
      ? ExitCode.INCOMPLETE
      : ExitCode.DONE;
  },
});

/** Runs one pass, and stops the engine. Undefined if the program was stopped before its end. */
async function passOf(
  engine: Engine,
  tools: Shell & { readonly logger: Logger },
): Promise<PassSummary | undefined> {
  try {
    using _shown = showProgress({ ...tools, engine, isPass: true });
    const pass = Promise.race([engine.pass(), misconfiguration(engine.devices)]);
    const report = await untilAborted(tools.stopped, pass);
    return report && summary(engine, report);
  } finally {
    await engine.stop();
  }
}

function summary(engine: Engine, { scans, delivered, unfinished }: PassReport): PassSummary {
  const { view } = new StoreAdmin(engine.records, engine);
  const unreachable = scans.flatMap(({ device, error }) =>
    error ? [{ device, reason: error.message }] : [],
  );
  const growing = scans.flatMap(scan => scan.growing.map(path => ({ device: scan.device, path })));
  return { delivered: delivered.map(view), unfinished: unfinished.map(view), growing, unreachable };
}
