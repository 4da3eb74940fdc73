import bytes from 'bytes';
import ms, { type StringValue } from 'ms';
import * as z from 'zod';
import type { Begin, Retention } from '../rules/rule.js';
import { checkTemplate, namesIn, parseTemplate, PLACEHOLDERS } from '../rules/template.js';
import { compileGlob } from '../system/glob/glob.js';
import type { MinFree } from '../system/statfs.js';
import { suggest } from './nearest.js';

// The small types that options are made of. Every option of the program is built from these, so that one table
// feeds validation, help and docs. `title` is the type's name there.

export const TIME_SPAN = 'time span';
export const SIZE = 'size';
const SECRET = 'secret';

const NOT_A_DURATION = 'must be a time span like 10s, 5m or 30d';
const NOT_A_SIZE = 'must be a size like 512KB or 10GB';
const NOT_A_MIN_FREE = 'must be 0, a share like 5% or a size like 2GB';
const NOT_A_BEGIN = 'must be all, new, a date like 2026-08-01 or 2026-08-01T12:30:00Z, or an age like 30d';
const NOT_A_RETENTION = 'must be keep, delete, an age like 30d or a size like 10GB';

/** A time span: `250ms`, `10s`, `30d`; a bare number is seconds. Becomes milliseconds. */
export const duration = () =>
  z
    .union([z.number(), z.string()], { error: NOT_A_DURATION })
    .transform((value, context) => parseDuration(value) ?? refuse(context, NOT_A_DURATION))
    .meta({ title: TIME_SPAN });

/** An amount of data: `10GB`, `512KB`; a bare number is bytes. Becomes bytes. */
export const size = () =>
  z
    .union([z.number(), z.string()], { error: NOT_A_SIZE })
    .transform((value, context) => parseSize(value) ?? refuse(context, NOT_A_SIZE))
    .meta({ title: SIZE });

/** Bytes a second: `500KB/s`, in the units of sizes; `least`: what it has to be. */
export const rate = (least: number) => {
  const message = `must be an amount of data a second like 500KB/s, at least ${bytes.format(least)}/s`;
  return z
    .union([z.number(), z.string()], { error: message })
    .transform((value, context) => {
      const parsed = parseSize(typeof value === 'string' ? value.replace(/ ?\/ ?s$/, '') : value);
      return parsed !== undefined && parsed >= least ? parsed : refuse(context, message);
    })
    .meta({ title: 'size a second' });
};

const NOT_HOURS = 'must be times of the day like "22:00-06:00", or several: "06:00-08:00, 22:00-24:00"';

/** Times of the day, in minutes since midnight. */
export const hours = () =>
  z
    .string({ error: NOT_HOURS })
    .transform((text, context) => parseHours(text) ?? refuse(context, NOT_HOURS))
    .meta({ title: 'times of the day in quotes' });

/** `5%` of a file system, or a size; of bare numbers only 0, since the unit of others would be unclear. */
export const minFree = () =>
  z
    .union([z.literal(0), z.string()], { error: NOT_A_MIN_FREE })
    .transform((value, context) => parseMinFree(String(value)) ?? refuse(context, NOT_A_MIN_FREE))
    .meta({ title: 'share or size' });

const NOT_A_MODE =
  'must be permissions in octal digits and in quotes, such as "0600" or "0640"; the owner reads and writes';

/** Permission bits of files as chmod has them: `"0640"`. */
export const fileMode = () =>
  z
    .string({ error: NOT_A_MODE })
    .regex(/^0?6[0246]{2}$/, { error: NOT_A_MODE })
    .transform(digits => Number.parseInt(digits, 8))
    .meta({ title: 'octal permissions in quotes' });

/** `all`, `new`, a date, with or without a time (UTC where it names no zone), or an age (`30d`). */
export const begin = () =>
  z
    .union([z.string(), z.date()], { error: NOT_A_BEGIN })
    .transform((value, context) => parseBegin(value) ?? refuse(context, NOT_A_BEGIN))
    .meta({ title: 'all, new, date or time span' });

/** A secret: `{ env: NAME }`, `{ file: PATH }` or (with a warning) the value itself. */
export const secret = () =>
  z
    .union(
      [z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) }), z.string()],
      { error: 'must be { env: NAME }, { file: PATH } or a text in quotes' },
    )
    .meta({ title: SECRET });
export type SecretRef = z.output<ReturnType<typeof secret>>;

/** A text with placeholders (`{file.name}` …). `except` names those that make no sense here. */
export const template = (except: readonly string[] = []) =>
  z
    .string()
    .superRefine((text, context) => {
      for (const message of templateProblems(text, except)) context.addIssue({ code: 'custom', message });
    })
    .meta({ title: 'template' });

/** A pattern of paths relative to a device's root. */
export const glob = () =>
  z
    .string()
    .superRefine((pattern, context) => {
      const message = globProblem(pattern);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .meta({ title: 'glob' });

/** `keep`, `delete`, an age (`30d`) or a size (`10GB`). */
export const retention = () =>
  z
    .string({ error: NOT_A_RETENTION })
    .transform((text, context) => parseRetention(text) ?? refuse(context, NOT_A_RETENTION))
    .meta({ title: 'keep, delete, time span or size' });

/** An `http:` or `https:` address without a user and password in it (they would end up in logs). */
export const webUrl = () =>
  z
    .string()
    .superRefine((text, context) => {
      const message = webUrlProblem(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .meta({ title: 'web address' });

/** As `webUrl`, or a secret that is one; a value in the file itself is no secret then. `{…}` may be placeholders. */
export const secretWebUrl = () =>
  z
    .union(
      [
        z.strictObject({ env: z.string().min(1) }),
        z.strictObject({ file: z.string().min(1) }),
        z.string().superRefine((text, context) => {
          const message = webUrlProblem(text);
          if (message !== undefined) context.addIssue({ code: 'custom', message });
        }),
      ],
      { error: issue => (typeof issue.input === 'string' ? webUrlProblem(issue.input) : NOT_AN_ADDRESS) },
    )
    .meta({ title: 'web address, or a secret that is one' });

const NOT_AN_ADDRESS = 'must be a web address in quotes, { env: NAME } or { file: PATH }';

/** Options that any device may have, besides its own. */
export const commonDeviceOptions = {
  lock: z
    .string()
    .min(1)
    .optional()
    .describe('devices that name the same lock are never used at the same time'),
  connections: z
    .number()
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe('operations at once (default: as many as the device supports)'),
};

export function isSecret(schema: z.ZodType): boolean {
  return schema.meta()?.title === SECRET;
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}

/** ms; a number, also one in quotes, is seconds. */
function parseDuration(value: number | string): number | undefined {
  const seconds = String(value).trim() === '' ? NaN : Number(value);
  const span = Number.isNaN(seconds) ? parseSpan(String(value)) : seconds * 1000;
  return span >= 0 && Number.isFinite(span) ? span : undefined;
}

/** NaN if it is not a time span. */
function parseSpan(text: string): number {
  return /^\d[\w. ]{0,30}$/.test(text) ? Number(ms(text as StringValue)) : NaN;
}

/** The library reads `10G` and `10 potatoes` as 10 bytes, far too little for a limit: hence the strict pattern. */
function parseSize(value: number | string): number | undefined {
  if (typeof value === 'number') return value < 0 ? undefined : value;
  return /^\d+(\.\d+)? ?([KMGTP]?B)?$/i.test(value) ? (bytes.parse(value) ?? undefined) : undefined;
}

function parseHours(text: string): { text: string; ranges: { from: number; to: number }[] } | undefined {
  const ranges = text.split(',').map(range => {
    const [, from = '', to = ''] = /^\s*(\d\d?:\d\d) ?[-\u2013] ?(\d\d?:\d\d)\s*$/.exec(range) ?? [];
    return { from: minuteOf(from), to: minuteOf(to) };
  });
  const isWrong = ({ from, to }: { from: number; to: number }) =>
    Number.isNaN(from + to) || from === to || from === DAY_MINUTES;
  return ranges.some(isWrong) ? undefined : { text, ranges };
}

const DAY_MINUTES = 24 * 60;

/** NaN if it is no time of the day. */
function minuteOf(text: string): number {
  const [hour = NaN, minute = NaN] = text.split(':').map(Number);
  const total = hour * 60 + minute;
  return minute < 60 && total <= DAY_MINUTES ? total : NaN;
}

function parseMinFree(text: string): MinFree | undefined {
  const [, share] = /^(\d{1,2}(?:\.\d+)?) ?%$/.exec(text) ?? [];
  if (share !== undefined) return { percent: Number(share) };
  const amount = text === '0' || hasUnit(text) ? parseSize(text) : undefined;
  return amount === undefined ? undefined : { bytes: amount };
}

/** YAML 1.1 makes dates of some texts. */
function parseBegin(value: string | Date): Begin | undefined {
  if (value === 'all' || value === 'new') return { kind: value };
  const from = typeof value === 'string' ? parseDate(value) : value.getTime();
  if (from !== undefined) return { kind: 'date', from };
  const text = String(value);
  const age = hasUnit(text) ? parseDuration(text) : undefined;
  return age === undefined ? undefined : { kind: 'age', ms: age };
}

const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/;

/** ms since the Unix epoch. */
function parseDate(text: string): number | undefined {
  const [, day, time = '00:00', zone = 'Z'] = DATE.exec(text) ?? [];
  if (!z.iso.date().safeParse(day).success) return undefined;
  const at = Date.parse(`${day}T${time}${zone}`);
  return Number.isNaN(at) ? undefined : at;
}

/** Where several kinds of value are allowed, a bare number might be any of them. */
function hasUnit(text: string): boolean {
  return /[a-z]/i.test(text);
}

function parseRetention(text: string): Retention | undefined {
  if (text === 'keep' || text === 'delete') return { kind: text };
  if (!hasUnit(text)) return undefined;
  const age = parseDuration(text);
  if (age !== undefined) return { kind: 'age', ms: age };
  const limit = parseSize(text);
  return limit === undefined ? undefined : { kind: 'size', bytes: limit };
}

function templateProblems(text: string, except: readonly string[]): string[] {
  const show = (name: string) => `{${name}}`;
  const known = PLACEHOLDERS.filter(name => !except.includes(name));
  const senseless = parseTemplate(text)
    .flatMap(part => (part.kind === 'placeholder' ? namesIn(part.text) : []))
    .filter(name => except.includes(name));
  return [
    ...checkTemplate(text).map(part =>
      part.kind === 'brace'
        ? `a "${part.text}" without its partner; write "${part.text.repeat(2)}" for the brace itself`
        : `unknown placeholder ${show(part.text)}; ${suggest(part.text, known, show)}`,
    ),
    ...senseless.map(name => `${show(name)} cannot be used here; known: ${known.map(show).join(', ')}`),
  ];
}

function globProblem(pattern: string): string | undefined {
  if (pattern === '') return 'must not be empty; write "**" for every file';
  if (pattern.startsWith('/')) return 'paths are relative to the device\'s root; leave out the "/" in front';
  if (/^!(?!\()/.test(pattern))
    return 'a pattern cannot begin with "!"; put it under exclude without the "!"';
  try {
    compileGlob(pattern, { strict: true });
    return undefined;
  } catch (error) {
    return `not a glob: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function webUrlProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    return 'must be a web address like https://example.org/upload';
  }
  if (url.username === '' && url.password === '') return undefined;
  return 'must not contain a user or password; use the options for them';
}
