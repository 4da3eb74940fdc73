import * as z from 'zod';
import type { Rule } from '../rules/rule.js';
import { isRecord } from './introspect.js';
import { DATABASE_NAME, DEFAULT_LOCAL } from './paths.js';
import { begin, duration, fileMode, glob, minFree, retention, size, template } from './options.js';

const KEEP = 'keep';

/** A shorter interval would be a busy loop. */
const MIN_INTERVAL_MS = 50;

const path = (fallback: string) => z.string().min(1).default(fallback);

/** The top level. Devices and rules are checked one by one, so that each error is reported with its position. */
export const topSchema = z.strictObject({
  local: path(DEFAULT_LOCAL).describe(
    'local storage; holds `<device>/<path as on the source>`, and the database unless that is named',
  ),
  database: z
    .string()
    .min(1)
    .optional()
    .describe(
      `records of all files; its journal and backup are beside it (default: \`${DATABASE_NAME}\` in \`local\`)`,
    ),
  description_file: path('/etc/coex.conf').describe(
    'lines of `key=value` for the placeholders `{coex.KEY}`; it may be missing',
  ),
  devices: z
    .record(z.string(), z.unknown())
    .meta({ title: 'map of devices' })
    .describe('sources and targets by name, see Devices'),
  rules: z
    .array(z.unknown())
    .meta({ title: 'list of rules' })
    .describe('what goes from where to where, see Rules'),
  interval: duration()
    .refine(ms => ms >= MIN_INTERVAL_MS, { error: `must be at least ${MIN_INTERVAL_MS}ms` })
    .prefault('10s')
    .describe('pause between two listings of a source'),
  min_free: minFree()
    .prefault('5%')
    .describe('space that must stay free on the file system under `local`; `0`: all of it may be used'),
  mode: fileMode()
    .prefault('0600')
    .describe(
      'permissions of local copies and of the database, in quotes; folders can be entered by those who may read (`"0640"`: folders have 0750)',
    ),
  keep_records: duration()
    .prefault('1y')
    .describe(
      'records of files that are delivered and gone from the source and from here move to an archive after that time',
    ),
});

/** A source that cannot report its free space takes no `keep_free`: rules.ts. */
const sourceRemoval = () =>
  z.union(
    [
      z.enum([KEEP, 'delete']),
      z.strictObject({
        keep_free: size().describe(
          'the oldest files go, and only while less than that is free on the source',
        ),
      }),
    ],
    { error: ({ input }) => (isRecord(input) ? undefined : 'must be keep, delete or { keep_free: 2GB }') },
  );

export const ruleSchema = z.strictObject({
  from: z.string().min(1).describe('source device'),
  to: z.array(z.string().min(1)).min(1).describe('target devices'),
  include: z
    .array(glob())
    .min(1)
    .default(['**'])
    .describe(
      'files to take; `**` spans folders, upper and lower case are alike, names that begin with a dot must be asked for',
    ),
  exclude: z.array(glob()).default([]).describe('files to leave'),
  order: z
    .enum(['newest', 'oldest', 'smallest'])
    .default('newest')
    .describe('which of the files that wait goes first'),
  begin: begin()
    .prefault('all')
    .describe(
      'which of the files that are on the source at its first scan are wanted: all, none, those changed since a date, or those no older than an age; what comes later is always wanted',
    ),
  larger_than: size().optional().describe('only files of more bytes are wanted'),
  smaller_than: size().optional().describe('only files of fewer bytes are wanted'),
  fetch: z
    .enum(['all', 'asked'])
    .default('all')
    .describe('fetch every file, or only list them and fetch those that are asked for (`filesync fetch ID`)'),
  settle: duration()
    .prefault('10s')
    .describe('a file must not have changed for that long before it is taken'),
  description: template(['description'])
    .default('')
    .describe('text for targets that show one, `{description}` in their fields'),
  path: template().min(1).default('{device}/{file.path}').describe('name on the target'),
  names: z
    .enum(['as-is', 'portable'])
    .optional()
    .describe(
      'names on the targets: as the source has them, or with `%XX` in place of what Windows, FAT and some servers cannot hold (default: `portable` where a target cannot hold a name, see Rules)',
    ),
  while_armed: z
    .enum(['upload-only', 'pause', 'continue'])
    .default('upload-only')
    .describe('while the vehicle is armed: only deliver, do nothing, or go on'),
  via: z
    .enum(['local', 'stream'])
    .default('local')
    .describe(
      'through local storage, or straight from the source to each target without a local copy (then `after: local` means nothing); a file that several rules take streams only if all of them say so',
    ),
  delete_after: duration()
    .prefault('10m')
    .describe(
      'where FileSync cannot see whether a file is still being written, it must not have changed for that long before it is removed from the source',
    ),
  after: z
    .strictObject({
      source: sourceRemoval()
        .default(KEEP)
        .describe(
          "the source's file, once every target has it: it stays, goes, or goes only when space is short (`{ keep_free: 2GB }`)",
        ),
      local: retention()
        .prefault(KEEP)
        .describe(
          'the local copy, once every target has it: for ever, not at all, for a time, or up to a total size',
        ),
    })
    .prefault({})
    .describe('what happens to delivered files'),
});

export function toRule(options: z.output<typeof ruleSchema>): Rule {
  const { while_armed, delete_after, larger_than, smaller_than, names, after, ...rule } = options;
  const { source, local } = after;
  return {
    ...rule,
    whileArmed: while_armed,
    deleteAfter: delete_after,
    ...(larger_than !== undefined && { largerThan: larger_than }),
    ...(smaller_than !== undefined && { smallerThan: smaller_than }),
    ...(names !== undefined && { names }),
    after: { source: typeof source === 'string' ? source : { keepFree: source.keep_free }, local },
  };
}
