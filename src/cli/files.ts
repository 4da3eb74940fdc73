import { allFiles, type Api } from '../api/api.js';
import { fileState, SORT_KEYS, type File, type FileQuery } from '../api/schema.js';
import type { Config } from '../config/config.js';
import { suggest } from '../config/nearest.js';
import { size } from '../config/options.js';
import { FileSyncError } from '../errors.js';
import { parseState, stateName } from '../record/state.js';
import { shortTime } from '../system/short-time.js';
import { formatSize } from '../system/size.js';
import { reading } from './api.js';
import { fitted, type Column } from './columns.js';
import { common, defineCommand } from './command.js';
import { formatter } from './format.js';
import { indented } from './indented.js';
import { parseInstant } from './instant.js';
import { wantedLimit } from './limit.js';
import { ExitCode, type Shell } from './shell.js';

const text = { type: 'string', requiresArg: true } as const;

export const files = defineCommand({
  options: {
    config: common.config,
    json: { type: 'boolean', default: false, describe: 'print JSON lines: an object a file' },
    state: { ...text, describe: 'only this state, by name or number; several with commas' },
    device: { ...text, describe: 'only this source' },
    match: { ...text, describe: 'only paths that match this glob' },
    since: { ...text, describe: 'found since then: 2h, 12:31, 2026-08-01, 2026-08-01T12:31' },
    until: { ...text, describe: 'found until then' },
    larger: { ...text, describe: 'only files larger than that: 100kB, 2GB' },
    sort: { ...text, describe: `${SORT_KEYS.join(', ')}; -size: largest first` },
    limit: { type: 'number', requiresArg: true, describe: 'so many files at most' },
    format: { ...text, describe: 'a line a file, such as "{id} {state} {path}"; names as in --json' },
    all: { type: 'boolean', default: false, describe: 'with the archive: files delivered and gone long ago' },
  },
  async run(args, shell) {
    const query = queryOf(args, shell);
    const format = args.format === undefined ? undefined : formatter(args.format);
    return reading(shell, args.config, async (api, config) => {
      await checkDevice(api, config, args.device);
      const found = allFiles(api, query);
      if (format) for await (const file of found) shell.print(format(file));
      else if (args.json) for await (const file of found) shell.print(JSON.stringify(file));
      else for (const line of table(await collect(found), shell)) shell.print(line);
      return ExitCode.DONE;
    });
  },
});

async function collect(found: AsyncIterable<File>): Promise<File[]> {
  const all: File[] = [];
  for await (const file of found) all.push(file);
  return all;
}

interface Filters {
  readonly state?: string | undefined;
  readonly device?: string | undefined;
  readonly match?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly larger?: string | undefined;
  readonly sort?: string | undefined;
  readonly limit?: number | undefined;
  readonly all: boolean;
}

function queryOf(args: Filters, { clock }: Shell): FileQuery {
  const { device, match, limit } = args;
  const query = {
    ...{ device, match, limit: limit === undefined ? undefined : wantedLimit(limit) },
    state: args.state === undefined ? undefined : wantedStates(args.state),
    since: args.since === undefined ? undefined : parseInstant(args.since, 'since', clock.now()),
    until: args.until === undefined ? undefined : parseInstant(args.until, 'until', clock.now()),
    larger: args.larger === undefined ? undefined : wantedSize(args.larger),
    sort: args.sort === undefined ? undefined : wantedSort(args.sort),
    archive: args.all ? true : undefined,
  };
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}

const STATE_NAMES = fileState.options.map(name => name.toLowerCase());
const wrong = (message: string) => new FileSyncError('config', message);

function wantedStates(names: string): File['state'][] {
  return names.split(',').map(name => {
    const state = parseState(name.trim());
    if (state !== undefined) return fileState.parse(stateName(state));
    throw wrong(`no state is called ${name}; ${suggest(name, STATE_NAMES)}`);
  });
}

function wantedSize(name: string): number {
  const { data, error } = size().safeParse(name);
  if (data === undefined) throw wrong(`--larger: ${error?.issues[0]?.message ?? ''}`);
  return data;
}

function wantedSort(name: string): NonNullable<FileQuery['sort']> {
  const key = SORT_KEYS.find(one => name === one || name === `-${one}`);
  if (key) return name as NonNullable<FileQuery['sort']>;
  throw wrong(`--sort ${name}: ${suggest(name.replace(/^-/, ''), SORT_KEYS)}`);
}

/** A name that neither the configuration nor a record knows is a mistake, not an empty list. */
async function checkDevice(api: Api, config: Config, device: string | undefined): Promise<void> {
  if (device === undefined || config.devices.has(device)) return;
  const { total } = await api.files({ device, archive: true, limit: 1 });
  if (total === 0)
    throw wrong(`no device is called ${device}; ${suggest(device, [...config.devices.keys()])}`);
}

const COLUMNS: readonly Column[] = [
  { heading: 'ID' },
  { heading: 'FOUND' },
  { heading: 'SIZE', right: true },
  { heading: 'STATE' },
  { heading: 'FILE', shrinks: true },
];
const DETAILS: Column = { heading: 'TARGETS, REASON' };

/** On a terminal the targets and reasons of a file, if there is something to say, are lines of their own below it. */
function table(all: readonly File[], shell: Shell): string[] {
  const now = shell.clock.now();
  const rows = all.map(file => {
    const { id, found_at: found, size: bytes, state, device, path } = file;
    return [id, shortTime(found, now), formatSize(bytes), state, `${device}:${path}`];
  });
  const width = shell.outputColumns;
  const details = all.map(detailsOf);
  if (width === undefined)
    return fitted(
      [...COLUMNS, DETAILS],
      rows.map((row, index) => [...row, details[index]?.join('; ') ?? '']),
    );
  const [heading = '', ...lines] = fitted(COLUMNS, rows, width);
  return [heading, ...lines.flatMap((line, index) => [line, ...indented(details[index] ?? [], width)])];
}

/** What each target has, where that is more than the state says, and why the file waits or failed. */
function detailsOf(file: File): string[] {
  const parts = file.targets.map(target => ({ target, note: noteOf(file, target) }));
  const isMixed = new Set(file.targets.map(({ state }) => state)).size > 1;
  const own = file.waiting
    .filter(({ target }) => target === '')
    .map(({ stage, text: why }) => `${stage} waits: ${why}`);
  return [
    ...own,
    ...parts
      .filter(({ note }) => note !== '' || isMixed)
      .map(({ target: { target, state }, note }) => `${target} ${state}${note === '' ? '' : `: ${note}`}`),
    ...(parts.some(({ target }) => target.reason !== '') || file.reason === '' ? [] : [file.reason]),
  ];
}

/** Why a target does not have the file, or where the file is there. */
function noteOf({ waiting }: File, { target, location, reason }: File['targets'][number]): string {
  const waits = waiting.filter(wait => wait.target === target).map(({ text: why }) => why);
  const parts = [...waits, reason, isLink(location) ? location : ''];
  return [...new Set(parts)].filter(part => part !== '').join('; ');
}

const isLink = (location: string): boolean => /^https?:\/\//.test(location);
