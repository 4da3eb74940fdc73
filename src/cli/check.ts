import { firstValueFrom, takeUntil, timer, type Observable } from 'rxjs';
import { makeDevices, memoryWarnings, type ComposeContext } from '../compose.js';
import { toFileSyncError } from '../errors.js';
import { closeDevices, UNKNOWN, type Device } from '../engine/devices.js';
import type { Availability, Source } from '../ports.js';
import { withDeadline } from '../system/deadline.js';
import { common, defineCommand } from './command.js';
import { withMavrosDevices, type OnGraph } from './on-graph.js';
import { plain, table } from './print.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, report, type Shell } from './shell.js';

/** Longer than any device takes to report that it is offline. */
const PROBE_TIMEOUT_MS = 12_000;

interface Verdict {
  readonly ok: boolean;
  /** How the device is reached, or the problem and its remedy. */
  readonly message: string;
  readonly misconfigured?: boolean;
}

interface ProbeResult extends Verdict {
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
    const results = await withMavrosDevices(config, shell, found => probeAll(found, { ...shell, logger }));
    if (args.json) shell.print(JSON.stringify(results));
    else for (const line of lines(config.file, results)) shell.print(line);
    for (const warning of await memoryWarnings(config)) report(shell, 'warn', warning);
    if (results.some(result => result.misconfigured)) return ExitCode.USAGE;
    return results.every(result => result.ok) ? ExitCode.DONE : ExitCode.INCOMPLETE;
  },
});

type ProbeContext = ComposeContext & Pick<Shell, 'stopped'>;

/** Rejects with `cancelled` when the program is stopped. The devices are closed in any case: a drive may have been mounted. */
async function probeAll({ config, running }: OnGraph, context: ProbeContext): Promise<ProbeResult[]> {
  const devices = await makeDevices(config, context, 'to probe');
  const probes = (over: AbortSignal) => Promise.all(devices.map(device => probe(device, over)));
  const probing = withDeadline(probes, { signal: context.stopped });
  const results = await probing.finally(() => closeDevices(devices));
  const seen = running.map(({ name, type, available, reason, misconfigured }) => {
    return {
      device: name,
      type,
      ok: available,
      message: `${reason} (reported by the running node)`,
      misconfigured: Boolean(misconfigured),
    };
  });
  return [...results, ...seen];
}

function lines(file: string, results: readonly ProbeResult[]): string[] {
  const rows = results.map(({ ok, device, type, message }) => [
    ok ? 'ok' : 'FAIL',
    device,
    type,
    plain(message),
  ]);
  return [`ok    ${file}: valid`, ...table(rows)];
}

/** Stays subscribed to the availability meanwhile, so that the device is probed once. */
async function probe(device: Device, over: AbortSignal): Promise<ProbeResult> {
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
  const offline = ends.find(end => !end.available);
  if (offline) return { ok: false, message: offline.reason, misconfigured: Boolean(offline.misconfigured) };
  if (source) await firstListed(source, over);
  // After a listing the source may report more of how it is reached.
  const now = source ? await settled(source.availability) : ends[0];
  return { ok: true, message: now?.reason ?? 'nothing to probe' };
}

/** The first availability that a device reports, which it knows by then; UNKNOWN after the time limit. */
function settled(availability: Observable<Availability>): Promise<Availability> {
  return firstValueFrom(availability.pipe(takeUntil(timer(PROBE_TIMEOUT_MS))), { defaultValue: UNKNOWN });
}

/** A device may be reachable and still refuse to list its folder. */
async function firstListed(source: Source, over: AbortSignal): Promise<void> {
  for await (const _file of source.list(over)) break;
}
