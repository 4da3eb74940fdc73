import { z } from 'zod';
import type { Rule } from '../rules/rule.js';
import { duration, glob, retention, template } from './options.js';

const KEEP = 'keep';

/** ms; less would be a busy loop. */
const SHORTEST_INTERVAL = 50;

const path = (fallback: string) => z.string().min(1).default(fallback);

/** The top level. Devices and rules are checked one by one, so that each mistake is told where it stands. */
export const topSchema = z.strictObject({
  local: path('./data').describe('local storage; holds `<device>/<path as on the source>`'),
  database: path('./data/filesync.json').describe(
    'records of all files; its journal and backup lie beside it',
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
    .refine(ms => ms >= SHORTEST_INTERVAL, { error: `must be at least ${SHORTEST_INTERVAL}ms` })
    .prefault('10s')
    .describe('pause between two listings of a source'),
});

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
  settle: duration().prefault('10s').describe('a file must not have changed for so long before it is taken'),
  description: template(['description'])
    .default('')
    .describe('text for targets that show one, `{description}` in their fields'),
  path: template().min(1).default('{device}/{file.path}').describe('name on the target'),
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
  after: z
    .strictObject({
      source: z.enum([KEEP, 'delete']).default(KEEP).describe("the source's file, once every target has it"),
      local: retention()
        .prefault(KEEP)
        .describe(
          'the local copy, once every target has it: for ever, not at all, for a time, or up to a total size',
        ),
    })
    .prefault({})
    .describe('what becomes of delivered files'),
});

export function toRule({ while_armed: whileArmed, ...rule }: z.output<typeof ruleSchema>): Rule {
  return { ...rule, whileArmed };
}
