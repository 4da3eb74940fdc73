import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type * as z from 'zod';
import type { DeviceType } from './definition.js';
import { FileSyncError } from '../errors.js';
import type { Config } from './config.js';
import { checkDevices, typesByName } from './devices.js';
import { ConfigDocument } from './document.js';
import { ConfigIssues, type ConfigPlace } from './issues.js';
import { isRecord } from './introspect.js';
import { DATABASE_NAME, DEFAULT_LOCAL, type Environment, resolvePath } from './paths.js';
import { checkNotify } from './notify.js';
import { checkRules, type KnownDevices } from './rules.js';
import type { Rule } from '../rules/rule.js';
import { needsFacts } from '../rules/template.js';
import { modesOf } from '../system/file-modes.js';
import { topSchema } from './schema.js';
import { validate } from './validate.js';
import { checkFleet } from './fleet-check.js';
import { checkUids } from './vehicle-names.js';
import { checkWeb } from './web.js';

export interface LoadOptions {
  /** HOME is used, for paths that begin with `~/`. */
  readonly env: Environment;
  readonly deviceTypes: readonly DeviceType[];
  readonly readFile?: (path: string) => Promise<string>;
}

/** Reads and checks a configuration file. Throws `config` with a line for each error. */
export async function loadConfig(file: string, options: LoadOptions): Promise<Config> {
  const text = await readText(file, options.readFile ?? (path => readFile(path, 'utf8')));
  const issues = new ConfigIssues(file);
  const document = new ConfigDocument(text, issues);
  const locate = document.locate.bind(document);
  const checked = document.value === undefined ? undefined : check(document.value, options, issues);
  if (issues.failed || !checked) throw new FileSyncError('config', issues.errors(locate).join('\n'));
  return { ...assemble(file, checked, options.env), warnings: issues.warnings(locate) };
}

interface Checked extends Pick<Config, 'devices' | 'rules' | 'notify'> {
  readonly top: z.output<typeof topSchema>;
}

function check(raw: unknown, { deviceTypes }: LoadOptions, issues: ConfigIssues): Checked | undefined {
  const top = validate(topSchema, raw ?? {}, issues.top);
  if (!isRecord(raw)) return undefined;
  const devices = checkDevices(raw.devices, deviceTypes, issues.top.at('devices'));
  const known = typesByName(raw.devices, deviceTypes);
  const rules = checkRules(raw.rules, known, devices, issues.top.at('rules'));
  const notify = checkNotify(raw.notify, issues.top.at('notify'));
  if (top) checkParts(top, { known, devices, rules }, issues.top);
  return top && { top, devices, rules, notify };
}

/** What of the top level depends on devices and rules. */
function checkParts(
  { web, fleet, facts }: z.output<typeof topSchema>,
  { known, devices, rules }: Pick<Config, 'devices' | 'rules'> & { readonly known: KnownDevices },
  place: ConfigPlace,
): void {
  checkUids(rules, known, place.at('rules'));
  if (web) checkWeb(web, place.at('web'));
  const storesPositions = facts !== false && facts.position;
  if (fleet) checkFleet(fleet, known, devices, storesPositions, place.at('fleet'));
  if (facts === false && rules.some(asksForFacts)) place.at('facts').warn(NO_FACTS);
}

const asksForFacts = ({ minDuration, path }: Rule): boolean => minDuration !== undefined || needsFacts(path);
const NO_FACTS = 'is false, so min_duration takes every log, and no {log.…} has a value';

function assemble(
  file: string,
  { top, devices, rules, notify }: Checked,
  env: Environment,
): Omit<Config, 'warnings'> {
  const folder = dirname(resolve(file));
  const local = resolvePath(folder, top.local, env);
  return {
    file,
    folder,
    ...(top.vehicle !== undefined && { vehicle: top.vehicle }),
    local,
    ...databaseOf(folder, local, top.database, env),
    descriptionFile: resolvePath(folder, top.description_file, env),
    devices,
    rules,
    notify,
    interval: top.interval,
    minFree: top.min_free,
    modes: modesOf(top.mode),
    keepRecords: top.keep_records,
    facts: top.facts,
    ...(top.fleet && { fleet: top.fleet }),
    ...(top.web && { web: top.web }),
  };
}

/** Two configurations of one folder that differ in `local` share no database. */
function databaseOf(
  folder: string,
  local: string,
  named: string | undefined,
  env: Environment,
): Pick<Config, 'database' | 'formerDatabase'> {
  if (named !== undefined) return { database: resolvePath(folder, named, env) };
  const database = join(local, DATABASE_NAME);
  const formerDatabase = join(folder, DEFAULT_LOCAL, DATABASE_NAME);
  return { database, ...(formerDatabase !== database && { formerDatabase }) };
}

async function readText(file: string, read: (path: string) => Promise<string>): Promise<string> {
  try {
    return await read(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new FileSyncError('config', `${file}: ${UNREADABLE[code] ?? `cannot be read: ${String(error)}`}`, {
      cause: error,
    });
  }
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; name the configuration with -c FILE',
  EISDIR: 'is a folder; name the file in it',
  EACCES: 'this user may not read it; give the user the right, or run as another one',
};
