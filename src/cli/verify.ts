import type { Api } from '../api/api.js';
import { MAX_REPAIRS, type EditResult, type Repairs } from '../api/schema.js';
import type { Config } from '../config/config.js';
import { suggest } from '../config/nearest.js';
import { readStore } from '../db/read-only.js';
import { FileSyncError } from '../errors.js';
import type { Store } from '../ports.js';
import { editingAgain, warnOfDamage } from './api.js';
import { common, defineCommand } from './command.js';
import { plain } from './print.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, report, type Shell } from './shell.js';
import { compareAll, stillTrue, type Comparison, type Finding } from './verify/comparison.js';
import { comparisonLines } from './verify/lines.js';

export const verify = defineCommand({
  options: {
    config: common.config,
    json: common.json,
    device: { type: 'string', requiresArg: true, describe: 'only what concerns this source or target' },
    repair: {
      type: 'boolean',
      default: false,
      describe: 'have what is missing or corrupt fetched or sent again',
    },
    'log-level': { ...common.logLevel, default: 'warn' as const },
    'log-format': common.logFormat,
  },
  async run(args, shell) {
    const config = await configFor(shell, args.config);
    const known = await readStore(config.database);
    warnOfDamage(shell, known);
    checkDevice(config, known, args.device);
    const logger = loggerFor(shell, args.logLevel);
    const all = await compareAll({ config, known, device: args.device, shell, logger });
    const found = all.findings.length > 0 ? stillTrue(all, await readStore(config.database)) : all;
    if (!args.json) for (const line of comparisonLines(found)) shell.print(line);
    const repair = args.repair ? await repaired(shell, config, found.findings) : undefined;
    if (args.json) shell.print(JSON.stringify(asJson(found, repair)));
    else if (repair) reportRepair(shell, repair);
    return isRight(found) ? ExitCode.DONE : ExitCode.INCOMPLETE;
  },
});

function checkDevice(config: Config, known: Store, device: string | undefined): void {
  if (device === undefined || config.devices.has(device)) return;
  for (const record of known.all()) if (record.device === device || record.targets[device]) return;
  const names = [...config.devices.keys()];
  throw new FileSyncError('config', `no device is called ${device}; ${suggest(device, names)}`);
}

/** Files without a record are no fault. */
const isRight = ({ findings, places }: Comparison): boolean =>
  findings.length === 0 && places.every(({ problem }) => problem === '');

// ---- repair ---------------------------------------------------------------------------------------------

interface RepairResult extends EditResult {
  /** A daemon does the work now. */
  readonly running: boolean;
}

async function repaired(shell: Shell, config: Config, findings: readonly Finding[]): Promise<RepairResult> {
  const faults = findings.filter(({ kind }) => kind !== 'unknown');
  if (faults.length === 0) return { changed: [], refused: [], running: false };
  return editingAgain(shell, config, async api => {
    const { running } = await api.status();
    const results: EditResult[] = [];
    for (let at = 0; at < faults.length; at += MAX_REPAIRS)
      results.push(await sendRepairs(api, faults.slice(at, at + MAX_REPAIRS)));
    const changed = new Set(results.flatMap(result => result.changed));
    return { changed: [...changed], refused: results.flatMap(({ refused }) => refused), running };
  });
}

function sendRepairs(api: Api, faults: readonly Finding[]): Promise<EditResult> {
  const what: Repairs = {
    copies: faults.filter(({ target }) => target === '').map(({ record }) => record.id),
    deliveries: faults
      .filter(({ target }) => target !== '')
      .map(({ record, target, message }) => ({ id: record.id, target, reason: `the file ${message}` })),
  };
  return api.repair(what);
}

function reportRepair(shell: Shell, { changed, refused, running }: RepairResult): void {
  for (const { id, reason } of refused) report(shell, 'error', plain(`${id}: ${reason}`));
  if (changed.length === 0) return;
  const who = running
    ? 'the daemon fetches and sends them again'
    : '`filesync sync` fetches and sends them again';
  shell.print(`${changed.length} ${changed.length === 1 ? 'file' : 'files'} to repair: ${who}`);
}

// ---- JSON -----------------------------------------------------------------------------------------------

function asJson({ places, findings, unknown, unknownTotal }: Comparison, repair?: EditResult): object {
  return {
    devices: places,
    faults: findings.map(({ record, target, kind, message }) => {
      const { id, device, path, local, targets } = record;
      const place = target === '' ? local : (targets[target]?.path ?? '');
      return { id, device, path, target, place, kind, message };
    }),
    unknown,
    unknown_total: unknownTotal,
    ...(repair && { changed: repair.changed, refused: repair.refused }),
  };
}
