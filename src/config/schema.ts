import * as z from 'zod';
import type { Rule } from '../rules/rule.js';
import { isRecord } from './introspect.js';
import { DATABASE_NAME, DEFAULT_LOCAL } from './paths.js';
import { LATE_PLACEHOLDERS, MAX_VEHICLE_LENGTH } from '../rules/template.js';
import { begin, duration, fileMode, glob, minFree, retention, size, template } from './options.js';
import { fleetSchema } from './fleet.js';
import { webSchema } from './web.js';

const KEEP = 'keep';

/** A shorter interval would be a busy loop. */
const MIN_INTERVAL_MS = 50;

const path = (fallback: string) => z.string().min(1).default(fallback);

/** The top level. Devices and rules are checked one by one, so that each error is reported with its position. */
export const topSchema = z.strictObject({
  vehicle: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, {
      error: 'must be made of letters A-Z, digits, dots, _ and -, with a letter or digit in front',
    })
    .max(MAX_VEHICLE_LENGTH)
    .optional()
    .describe(
      'name of this vehicle, for `{vehicle}` in templates and for `fleet` (default: the name of this computer)',
    ),
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
  facts: z
    .union(
      [
        z.literal(false),
        z.strictObject({
          position: z
            .boolean()
            .default(false)
            .describe('store the first position of a flight, and where a picture was taken'),
        }),
      ],
      {
        error: ({ input }) => (isRecord(input) ? undefined : 'must be false or { position: true }'),
      },
    )
    .prefault({})
    .describe(
      'what files say about themselves is read and stored (`files --json`, `show`): `false` reads nothing, `{ position: true }` stores the first position as well',
    ),
  keep_records: duration()
    .prefault('1y')
    .describe(
      'records of files that are delivered and gone from the source and from here move to an archive after that time',
    ),
  notify: z
    .array(z.unknown())
    .meta({ title: 'list of notifications' })
    .default([])
    .describe('who is told of what has happened, see Notifications'),
  fleet: fleetSchema
    .meta({ title: 'map' })
    .optional()
    .describe(
      'the status of this vehicle for those who look after a fleet, see Fleet; nothing is written without this key',
    ),
  web: webSchema
    .meta({ title: 'map' })
    .optional()
    .describe('the web page and the HTTP API, see Web page; nothing listens without this key'),
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

/** The name of a file, in any folder. */
const fileName = () =>
  z.string().refine(name => name !== '' && !/[/\\\0]|^\.{1,2}$/.test(name), {
    error: 'must be the name of a file, without a folder',
  });

const extension = () =>
  z
    .string()
    .transform(text => text.replace(/^\./, ''))
    .refine(text => text !== '' && !/[/\\\0]/.test(text), { error: 'must be an extension like ulg' });

const NOT_TOGETHER = 'must be { folder: metadata.yaml } or { stem: [ulgc, ulgk] }';

const together = () =>
  z
    .strictObject({
      folder: fileName()
        .optional()
        .describe(
          'the files of a folder are one unit (not those of its subfolders), complete when it has a file of that name, such as `metadata.yaml` of ROS 2 bags',
        ),
      stem: z
        .array(extension())
        .min(2)
        .refine(all => new Set(all.map(one => one.toLowerCase())).size === all.length, {
          error: 'must be different extensions',
        })
        .optional()
        .describe(
          'files that differ by these extensions only are one unit, complete when there is one of each',
        ),
    })
    .refine(({ folder, stem }) => (folder === undefined) !== (stem === undefined), { error: NOT_TOGETHER });

function togetherOf({ together, begin_before_complete }: RuleOptions): Pick<Rule, 'together'> {
  const early = begin_before_complete ? { early: true as const } : {};
  if (together?.folder !== undefined) return { together: { folder: together.folder, ...early } };
  return together?.stem === undefined ? {} : { together: { stem: together.stem, ...early } };
}

type RuleOptions = z.output<typeof ruleSchema>;

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
  min_duration: duration()
    .optional()
    .describe(
      'only logs of at least that duration are wanted; files that do not say how long they are, such as pictures, are wanted, and so are all files that go `together`',
    ),
  together: together()
    .meta({ title: '`{ folder: FILE }` or `{ stem: [EXT, EXT] }`' })
    .optional()
    .describe(
      'files that are one unit: those of a folder, complete when it has that file (`metadata.yaml` of ROS 2 bags), or those that differ by their extension, complete when there is one of each; nothing of a unit is sent before it is complete, that file (or the last extension) arrives last on every target, and the unit is removed as one, see [bags](guides/bags.md)',
    ),
  begin_before_complete: z
    .boolean()
    .default(false)
    .describe('files of a unit are sent before it is complete, but for the one that completes it'),
  fetch: z
    .enum(['all', 'asked'])
    .default('all')
    .describe('fetch every file, or only list them and fetch those that are asked for (`filesync fetch ID`)'),
  settle: duration()
    .prefault('10s')
    .describe('a file must not have changed for that long before it is taken'),
  description: template(['description', ...LATE_PLACEHOLDERS])
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

export function toRule(options: RuleOptions): Rule {
  const { while_armed, delete_after, larger_than, smaller_than, min_duration, names, after, ...others } =
    options;
  const { together: _, begin_before_complete: __, ...rule } = others;
  const { source, local } = after;
  return {
    ...rule,
    whileArmed: while_armed,
    deleteAfter: delete_after,
    ...(larger_than !== undefined && { largerThan: larger_than }),
    ...(smaller_than !== undefined && { smallerThan: smaller_than }),
    ...(min_duration !== undefined && { minDuration: min_duration }),
    ...(names !== undefined && { names }),
    ...togetherOf(options),
    after: { source: typeof source === 'string' ? source : { keepFree: source.keep_free }, local },
  };
}
