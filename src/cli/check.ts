import { filter, firstValueFrom, takeUntil, timer, type Observable } from 'rxjs';
import { makeDevices } from '../compose.js';
import { toFileSyncError } from '../errors.js';
import { closeDevices, type Device } from '../pipeline/hub.js';
import type { Availability, Source } from '../ports.js';
import { common, defineCommand } from './command.js';
import { plain, table } from './print.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode } from './shell.js';

/** A device that has not shown itself within this many ms is said to be away. */
const PATIENCE = 8_000;

interface Finding {
  readonly device: string;
  readonly type: string;
  readonly ok: boolean;
  /** How it is reached, or what is wrong and what to do about it. */
  readonly message: string;
  readonly misconfigured: boolean;
}

export const check = defineCommand({
  usage: 'check',
  summary: 'validate the configuration and look at every device, one line each',
  options: {
    config: common.config,
    json: common.json,
    'log-level': { ...common.logLevel, default: 'error' as const },
  },
  async run(args, shell) {
    const config = await configFor(shell, args.config);
    const devices = makeDevices(config, { ...shell, logger: loggerFor(shell, args.logLevel) }, 'all');
    const findings = await Promise.all(devices.map(probe));
    await closeDevices(devices);
    if (args.json) shell.print(JSON.stringify(findings));
    else for (const line of report(config.file, findings)) shell.print(line);
    if (findings.some(finding => finding.misconfigured)) return ExitCode.USAGE;
    return findings.every(finding => finding.ok) ? ExitCode.DONE : ExitCode.INCOMPLETE;
  },
});

function report(file: string, findings: readonly Finding[]): string[] {
  const rows = findings.map(({ ok, device, type, message }) => [
    ok ? 'ok' : 'FAIL',
    device,
    type,
    plain(message),
  ]);
  return [`ok    ${file}: valid`, ...table(rows)];
}

async function probe({ name, type, source, target }: Device): Promise<Finding> {
  const finding = (ok: boolean, message: string, misconfigured = false) => ({
    device: name,
    type,
    ok,
    message,
    misconfigured,
  });
  const ends = await Promise.all([source, target].flatMap(end => (end ? [settled(end.availability)] : [])));
  const away = ends.find(end => !end.available);
  if (away) return finding(false, away.reason, away.misconfigured);
  try {
    if (source) await firstListed(source);
    return finding(true, ends[0]?.reason ?? 'nothing to look at');
  } catch (thrown) {
    return finding(false, toFileSyncError(thrown).message);
  }
}

/** The first sign of life, or how things stand when patience is over. */
async function settled(availability: Observable<Availability>): Promise<Availability> {
  const patience = timer(PATIENCE);
  const alive = firstValueFrom(
    availability.pipe(
      filter(now => now.available),
      takeUntil(patience),
    ),
  );
  return alive.catch(() => firstValueFrom(availability));
}

/** A device may answer and still not hand out its folder. */
async function firstListed(source: Source): Promise<void> {
  const stop = new AbortController();
  for await (const _file of source.list(stop.signal)) break;
  stop.abort();
}
