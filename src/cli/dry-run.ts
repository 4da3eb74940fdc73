import { makeDevices } from '../compose.js';
import { warnOfDamage } from './api.js';
import { readStore } from '../db/read-only.js';
import { closeDevices, type Device } from '../engine/devices.js';
import { FileSyncError } from '../errors.js';
import type { Logger } from '../ports.js';
import { showAmount } from '../preview/notes.js';
import type { SourceListing, Preview } from '../preview/preview.js';
import { Planner } from '../rules/plan.js';
import { withDeadline } from '../system/deadline.js';
import { withReachableDevices, type Reachable } from './check/held.js';
import { fileLines, ruleLines } from './check/lines.js';
import { listed, listingOf, settled } from './check/listing.js';
import { outlookOn } from './check/outlook.js';
import { configFor } from './setup.js';
import { ExitCode, type Shell } from './shell.js';

export interface DryRunOptions {
  readonly config: string | undefined;
  readonly json: boolean;
}

/**
 * Lists the sources and says what `sync` would do. Targets are not contacted; neither they nor the database, local storage or a
 * source are changed. Resolves to the exit code: 1 if a source could not be listed. Rejects with `config` if a device cannot work
 * as it is configured.
 */
export async function dryRun(options: DryRunOptions, shell: Shell, logger: Logger): Promise<number> {
  const config = await configFor(shell, options.config);
  const known = await readStore(config.database);
  warnOfDamage(shell, known);
  const found = await withReachableDevices(config, shell, reachable => listAll(reachable, shell, logger));
  const held = found.held.map(device => [device, listingOf(device, known)] as const);
  const listings = new Map<string, SourceListing>([...found.listings, ...held]);
  const outlook = await outlookOn(config, known, listings, { ...shell, logger });
  if (options.json) shell.print(JSON.stringify({ dryRun: true, ...outlook }));
  else for (const line of lines(outlook)) shell.print(line);
  return found.ok ? ExitCode.DONE : ExitCode.INCOMPLETE;
}

interface Found {
  readonly listings: ReadonlyMap<string, SourceListing>;
  /** Names of the devices that only the daemon may list. */
  readonly held: readonly string[];
  readonly ok: boolean;
}

async function listAll({ config, held }: Reachable, shell: Shell, logger: Logger): Promise<Found> {
  // Targets are left out: making one may mount its drive.
  const rules = config.rules.map(rule => ({ ...rule, to: [] }));
  const devices = await makeDevices({ ...config, rules }, { ...shell, logger }, 'without');
  const planner = new Planner(config.rules);
  const list = (over: AbortSignal) =>
    Promise.all(devices.map(device => listOne(device, over, shell, planner)));
  const lists = await withDeadline(list, { signal: shell.stopped }).finally(() => closeDevices(devices));
  const known = lists.flatMap(one => (one ? [one] : []));
  return {
    listings: new Map(known.map(({ device, listing }) => [device, listing])),
    held: held.map(({ name }) => name),
    ok: known.every(one => one.ok),
  };
}

interface Listed {
  readonly device: string;
  readonly listing: SourceListing;
  readonly ok: boolean;
}

async function listOne(
  { name: device, source }: Device,
  over: AbortSignal,
  { clock }: Shell,
  planner: Planner,
): Promise<Listed | undefined> {
  if (!source) return undefined;
  const watching = source.availability.subscribe();
  try {
    const { available, reason, misconfigured } = await settled(source.availability, over);
    if (misconfigured) throw new FileSyncError('config', `devices.${device}: ${reason}`);
    if (!available) return { device, listing: { files: [], from: 'source', incomplete: reason }, ok: false };
    const whileArmed = planner.mildest(device);
    const { listing, error } = await listed(source, over, { clock, whileArmed });
    return { device, listing, ok: !error };
  } finally {
    watching.unsubscribe();
  }
}

function lines({ rules, files }: Preview): string[] {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return [
    ...rules.flatMap(ruleLines),
    ...fileLines(files),
    `dry run, nothing was changed: ${showAmount({ files: files.length, bytes })} would be sent`,
  ];
}
