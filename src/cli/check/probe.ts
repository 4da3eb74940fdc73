import { toFileSyncError, type FileSyncError } from '../../errors.js';
import type { Device } from '../../engine/devices.js';
import type { Clock, Source, Target } from '../../ports.js';
import type { SourceListing } from '../../preview/preview.js';
import type { Planner } from '../../rules/plan.js';
import { withDeadline } from '../../system/deadline.js';
import { listed, settled } from './listing.js';

/** Time for the listing of a source: a slow link may need more, and the check then goes by what was listed. */
const LISTING_TIMEOUT_MS = 60_000;
/** Time for writing, renaming and removing one small file. */
const WRITE_TIMEOUT_MS = 60_000;

export interface ProbeOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly planner: Pick<Planner, 'mildest'>;
  /** Names of the devices that rules take files from, which are listed whole. */
  readonly sources: ReadonlySet<string>;
  /** Targets are probed by a write. */
  readonly write: boolean;
  readonly over: AbortSignal;
}

/** What `check` says of a device. */
export interface ProbeResult {
  readonly device: string;
  readonly type: string;
  readonly ok: boolean;
  /** How the device is reached, or the problem and its remedy. */
  readonly message: string;
  readonly misconfigured: boolean;
  /** Of a target; absent where the probe by a write failed, and with `--no-write`. */
  readonly write?: 'ok' | 'not probed';
}

type Verdict = Pick<ProbeResult, 'ok' | 'message' | 'write'> & {
  readonly misconfigured?: boolean;
  readonly listing?: SourceListing;
};

export type Probed = ProbeResult & { readonly listing?: SourceListing };

/** Stays subscribed to the availability meanwhile, so that the device is probed once. */
export async function probe(device: Device, options: ProbeOptions): Promise<Probed> {
  const watching = device.source?.availability.subscribe();
  const verdict = await verdictOn(device, options).catch((thrown: unknown) =>
    failed(toFileSyncError(thrown)),
  );
  watching?.unsubscribe();
  return { device: device.name, type: device.type, misconfigured: false, ...verdict };
}

const failed = ({ message }: FileSyncError): Verdict => ({ ok: false, message });

async function verdictOn(device: Device, options: ProbeOptions): Promise<Verdict> {
  const { source, target } = device;
  const ends = await Promise.all(
    [source, target].flatMap(end => (end ? [settled(end.availability, options.over)] : [])),
  );
  const offline = ends.find(end => !end.available);
  if (offline) return { ok: false, message: offline.reason, misconfigured: Boolean(offline.misconfigured) };
  const { listing, error } = source ? await listedAs(device.name, source, options) : {};
  const [end] = ends;
  const verdict = error
    ? failed(error)
    : await targetVerdict(device, end?.reason ?? 'nothing to probe', options);
  return { ...verdict, ...(listing && { listing }) };
}

async function targetVerdict(
  { source, target }: Device,
  reason: string,
  options: ProbeOptions,
): Promise<Verdict> {
  // After a listing the source may report more of how it is reached.
  const message = source ? (await settled(source.availability, options.over)).reason : reason;
  return target && options.write ? written(target, message, options) : { ok: true, message };
}

/** A source in no rule is listed up to its first file: it may be reachable and still refuse to list its folder. */
async function listedAs(
  device: string,
  source: Source,
  { clock, planner, sources, over }: ProbeOptions,
): Promise<{ listing?: SourceListing; error?: FileSyncError }> {
  const whileArmed = planner.mildest(device);
  if (sources.has(device)) return listed(source, over, { clock, ms: LISTING_TIMEOUT_MS, whileArmed });
  for await (const _file of source.list(over)) break;
  return {};
}

async function written(target: Target, message: string, { clock, over }: ProbeOptions): Promise<Verdict> {
  if (!target.probe) return { ok: true, message: `${message}; not probed by a write`, write: 'not probed' };
  let probing: Promise<void> | undefined;
  const begin = (signal: AbortSignal) => (probing = target.probe?.(signal) ?? Promise.resolve());
  try {
    await withDeadline(begin, { signal: over, clock, ms: WRITE_TIMEOUT_MS });
    return { ok: true, message: `${message}; can write, rename and delete there`, write: 'ok' };
  } catch (thrown) {
    // It may be removing what it wrote.
    await probing?.catch(() => undefined);
    const error = toFileSyncError(thrown);
    if (error.kind !== 'not-found') return failed(error);
    return { ok: true, message: `${message}; not probed by a write`, write: 'not probed' };
  }
}
