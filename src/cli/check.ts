import { firstValueFrom, takeUntil, timer, type Observable } from 'rxjs';
import { makeDevices, memoryWarnings, type Surroundings } from '../compose.js';
import { toFileSyncError } from '../errors.js';
import { closeDevices, UNKNOWN, type Device } from '../engine/devices.js';
import type { Availability, Source } from '../ports.js';
import { withDeadline } from '../system/deadline.js';
import { common, defineCommand } from './command.js';
import { withMavrosDevices, type OnGraph } from './on-graph.js';
import { plain, table } from './print.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, report, type Shell } from './shell.js';

/** ms; a device takes less to find out that it is away. */
const PROBE_TIMEOUT_MS = 12_000;

interface Verdict {
  readonly ok: boolean;
  /** How it is reached, or what is wrong and what to do about it. */
  readonly message: string;
  readonly misconfigured?: boolean;
}

interface Finding extends Verdict {
  readonly device: string;
  readonly type: string;
  readonly misconfigured: boolean;
}

export const check = defineCommand({
  options: {
    config: common.config,
    json: common.json,
    'log-level': { ...common.logLevel, default: 'error' as const },
    'log-format': common.logFormat,
  },
  async run(args, shell) {
    const config = await configFor(shell, args.config);
    const logger = loggerFor(shell, args.logLevel);
    const findings = await withMavrosDevices(config, shell, found => lookAt(found, { ...shell, logger }));
    if (args.json) shell.print(JSON.stringify(findings));
    else for (const line of lines(config.file, findings)) shell.print(line);
    for (const warning of await memoryWarnings(config)) report(shell, 'warn', warning);
    if (findings.some(finding => finding.misconfigured)) return ExitCode.USAGE;
    return findings.every(finding => finding.ok) ? ExitCode.DONE : ExitCode.INCOMPLETE;
  },
});

type Around = Surroundings & Pick<Shell, 'stopped'>;

/** Rejects with `cancelled` when it is stopped. In any case the devices are closed: a drive may have been mounted. */
async function lookAt({ config, running }: OnGraph, around: Around): Promise<Finding[]> {
  const devices = await makeDevices(config, around, 'to look at');
  const looks = (over: AbortSignal) => Promise.all(devices.map(device => probe(device, over)));
  const looking = withDeadline(looks, { signal: around.stopped });
  const findings = await looking.finally(() => closeDevices(devices));
  const seen = running.map(({ name, type, available, reason, misconfigured = false }) => {
    return {
      device: name,
      type,
      ok: available,
      message: `${reason} (says the node that runs)`,
      misconfigured,
    };
  });
  return [...findings, ...seen];
}

function lines(file: string, findings: readonly Finding[]): string[] {
  const rows = findings.map(({ ok, device, type, message }) => [
    ok ? 'ok' : 'FAIL',
    device,
    type,
    plain(message),
  ]);
  return [`ok    ${file}: valid`, ...table(rows)];
}

/** Watched all the while, so that a device is asked once. */
async function probe(device: Device, over: AbortSignal): Promise<Finding> {
  const watching = device.source?.availability.subscribe();
  const verdict = await verdictOn(device, over).catch((thrown: unknown) => ({
    ok: false,
    message: toFileSyncError(thrown).message,
  }));
  watching?.unsubscribe();
  return { device: device.name, type: device.type, misconfigured: false, ...verdict };
}

async function verdictOn({ source, target }: Device, over: AbortSignal): Promise<Verdict> {
  const ends = await Promise.all([source, target].flatMap(end => (end ? [settled(end.availability)] : [])));
  const away = ends.find(end => !end.available);
  if (away) return { ok: false, message: away.reason, misconfigured: away.misconfigured ?? false };
  if (source) await firstListed(source, over);
  // Once it has been used, it may know more of how it is reached.
  const now = source ? await settled(source.availability) : ends[0];
  return { ok: true, message: now?.reason ?? 'nothing to look at' };
}

/** What a device first says of itself: none speaks before it knows, and what listens for a vehicle gives up by itself. */
function settled(availability: Observable<Availability>): Promise<Availability> {
  return firstValueFrom(availability.pipe(takeUntil(timer(PROBE_TIMEOUT_MS))), { defaultValue: UNKNOWN });
}

/** A device may answer and still not hand out its folder. */
async function firstListed(source: Source, over: AbortSignal): Promise<void> {
  for await (const _file of source.list(over)) break;
}
