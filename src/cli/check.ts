import { makeDevices, memoryWarnings, vehicleOf } from '../compose.js';
import type { Status } from '../api/schema.js';
import { readStore } from '../db/read-only.js';
import { closeDevices } from '../engine/devices.js';
import type { Logger } from '../ports.js';
import type { Preview } from '../preview/preview.js';
import { Planner } from '../rules/plan.js';
import { withDeadline } from '../system/deadline.js';
import type { Config } from '../config/config.js';
import { sharedDestinations } from '../config/vehicle-names.js';
import { addressText } from '../web/address.js';
import { withReachableDevices, type Reachable } from './check/held.js';
import { ruleLines } from './check/lines.js';
import { listingOf } from './check/listing.js';
import { outlookOn } from './check/outlook.js';
import { probe, type Probed } from './check/probe.js';
import { securityWarnings } from './check/security.js';
import { warnOfDamage } from './api.js';
import { common, defineCommand } from './command.js';
import { wrapped } from './columns.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, report, type Shell } from './shell.js';
import { WebPage } from './web-page.js';

export const check = defineCommand({
  options: {
    config: common.config,
    json: common.json,
    write: {
      type: 'boolean' as const,
      default: true,
      describe: 'write, rename and delete a small file on each target; --no-write leaves that out',
    },
    'log-level': { ...common.logLevel, default: 'error' as const },
    'log-format': common.logFormat,
  },
  async run(args, shell) {
    const logger = loggerFor(shell, args.logLevel);
    const context = { shell, logger, write: args.write };
    const config = await configFor(shell, args.config);
    await new WebPage({ ...shell, logger }).assertUsable(config, 'check');
    const results = await withReachableDevices(config, shell, found => probeAll(found, context));
    const { rules } = await outlookFrom(config, results, context);
    if (args.json)
      shell.print(
        JSON.stringify([...results.map(result => asJson(result, rules)), ...pageOf(config, shell)]),
      );
    else for (const line of lines(config, results, rules, shell)) shell.print(line);
    const warnings = [
      ...(await memoryWarnings(config)),
      ...(await securityWarnings(config, shell.env)),
      ...sharedDestinations(config, vehicleOf(config, shell)),
    ];
    for (const warning of warnings) report(shell, 'warn', warning);
    if (results.some(result => result.misconfigured)) return ExitCode.USAGE;
    return results.every(result => result.ok) ? ExitCode.DONE : ExitCode.INCOMPLETE;
  },
});

interface CheckContext {
  readonly shell: Shell;
  readonly logger: Logger;
  readonly write: boolean;
}

/**
 * Rejects with `cancelled` when the program is stopped. The devices are closed in any case, once nothing of a probe is left there: a
 * drive may have been mounted.
 */
async function probeAll(
  { config, held }: Reachable,
  { shell, logger, write }: CheckContext,
): Promise<Probed[]> {
  const devices = await makeDevices(config, { ...shell, logger }, 'to probe');
  const sources = new Set(config.rules.map(({ from }) => from));
  const options = { clock: shell.clock, planner: new Planner(config.rules), sources, write };
  let ended: Promise<unknown> = Promise.resolve();
  const probes = (over: AbortSignal) => {
    const each = devices.map(device =>
      probe(device, { ...options, over }).finally(() => closeDevices([device])),
    );
    ended = Promise.allSettled(each);
    return Promise.all(each);
  };
  const results = await withDeadline(probes, { signal: shell.stopped }).finally(() => ended);
  return [...results, ...held.map(reported)];
}

const reported = ({ name, type, available, reason }: Status['devices'][number]): Probed => ({
  ...{ device: name, type, ok: available, misconfigured: false },
  message: `${reason} (reported by the running daemon)`,
});

/** What the rules would do with the files that were listed, and with those in the records of a daemon that holds the source. */
async function outlookFrom(
  config: Config,
  results: readonly Probed[],
  { shell, logger }: CheckContext,
): Promise<Preview> {
  const known = await readStore(config.database);
  warnOfDamage(shell, known);
  const listings = new Map(
    results.flatMap(({ device, ok, listing, message }) => {
      if (listing) return [[device, listing] as const];
      const held = ok
        ? listingOf(device, known)
        : { files: [], from: 'source' as const, incomplete: message };
      return [[device, held] as const];
    }),
  );
  return outlookOn(config, known, listings, { ...shell, logger });
}

function asJson({ listing: _listing, ...result }: Probed, rules: Preview['rules']): object {
  const own = rules.filter(({ from }) => from === result.device);
  return own.length > 0 ? { ...result, rules: own } : result;
}

/** Where the page is, in the form of a device's result; nothing where none is configured. */
const pageOf = ({ web }: Config, { hostname }: Shell): Probed[] =>
  web
    ? [{ device: '', type: 'web page', ok: true, misconfigured: false, message: addressText(web, hostname) }]
    : [];

function lines(config: Config, results: readonly Probed[], rules: Preview['rules'], shell: Shell): string[] {
  const rows = results.map(({ ok, device, type, message }) => [ok ? 'ok' : 'FAIL', device, type, message]);
  const page = pageOf(config, shell).map(({ type, message }) => `ok    ${type}: ${message}`);
  return [`ok    ${config.file}: valid`, ...page, ...wrapped(rows), ...rules.flatMap(ruleLines)];
}
