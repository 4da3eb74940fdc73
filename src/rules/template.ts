import type { FileFacts } from '../file-facts.js';
import { portablePart, type NameStyle } from '../system/portable-names.js';

/** What a template can say about a file on its way. */
export interface TemplateValues {
  readonly file: {
    /** As the source names it (unchecked). */
    readonly path: string;
    /** Bytes. */
    readonly size: number;
    /** ms since the Unix epoch, where the source knows it. */
    readonly modified?: number | undefined;
    /** ms since the Unix epoch; used if there is no `modified`. */
    readonly foundAt: number;
  };
  /** What the file says about itself, where it has been read. */
  readonly facts?: FileFacts | undefined;
  readonly device: string;
  readonly hostname: string;
  /** The vehicle's name, safe as a part of a path. Absent: made of the name of this computer. */
  readonly vehicle?: string;
  /** The unique id of its autopilot; undefined while that is not known, empty where there is none. */
  readonly uid?: string | undefined;
  /** The description file's keys. */
  readonly coex: Readonly<Record<string, string>>;
  /** The rule's description, rendered. */
  readonly description?: string;
}

/** Called with a key that a template names and the description file lacks; it renders empty. */
export type MissingKey = (key: string) => void;

/** A literal text, the names between a pair of braces, or a brace without its partner. */
export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'placeholder'; readonly text: string }
  | { readonly kind: 'brace'; readonly text: string };

const COEX = 'coex.';
/** Placeholders that need what is in the file. */
const LOG = 'log.';
/** The one that needs an answer of the autopilot. */
export const UID = 'vehicle.uid';
/** Between the names of a placeholder: the first one with a value fills it. */
const OR = '|';
/** What a `{log.…}` or `{vehicle.uid}` says without a value. */
const UNKNOWN = 'unknown';

const RENDERERS: ReadonlyMap<string, (values: TemplateValues) => string> = new Map([
  ['file.name', ({ file }) => file.path.slice(file.path.lastIndexOf('/') + 1)],
  ['file.path', ({ file }) => file.path],
  ['file.size', ({ file }) => String(file.size)],
  ['file.date', ({ file }) => isoDate(file.modified) || isoDate(file.foundAt)],
  [`${LOG}start`, ({ facts }) => isoDate(facts?.start)],
  [
    `${LOG}duration`,
    ({ facts }) => (facts?.duration === undefined ? '' : String(Math.round(facts.duration / 1000))),
  ],
  [`${LOG}vehicle`, ({ facts }) => facts?.vehicle ?? ''],
  [`${LOG}firmware`, ({ facts }) => facts?.firmware ?? ''],
  ['device', ({ device }) => device],
  ['hostname', ({ hostname }) => hostname],
  ['vehicle', ({ vehicle, hostname }) => vehicle ?? vehicleName(hostname)],
  [UID, ({ uid }) => uid ?? ''],
  ['description', ({ description }) => description ?? ''],
]);

/** Every placeholder, as the docs write it. */
export const PLACEHOLDERS: readonly string[] = [...RENDERERS.keys(), `${COEX}KEY`];

/** Those that say something which is not known when a file is found: they need what is in it, or an answer of the autopilot. */
export const LATE_PLACEHOLDERS: readonly string[] = PLACEHOLDERS.filter(
  name => name.startsWith(LOG) || name === UID,
);

/** A name of a computer as a part of a path: what no file system or address takes becomes `-`. */
export const vehicleName = (hostname: string): string =>
  hostname
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[._-]+/, '')
    .slice(0, MAX_VEHICLE_LENGTH) || 'vehicle';

/** Characters of a vehicle's name. */
export const MAX_VEHICLE_LENGTH = 64;

/** The few templates of a configuration, which are filled for each file. */
const parsed = new Map<string, readonly TemplatePart[]>();

/** `{{` and `}}` are literal braces. */
export function parseTemplate(template: string): readonly TemplatePart[] {
  const parts = parsed.get(template) ?? partsOf(template);
  parsed.set(template, parts);
  return parts;
}

function partsOf(template: string): readonly TemplatePart[] {
  const tokens = template.matchAll(/(\{\{|\}\})|\{([^{}]*)\}|([{}])|([^{}]+)/g);
  return Array.from(tokens, ([, escaped, placeholder, brace, text]): TemplatePart => {
    if (placeholder !== undefined) return { kind: 'placeholder', text: placeholder.trim() };
    if (brace !== undefined) return { kind: 'brace', text: brace };
    return { kind: 'text', text: escaped?.charAt(0) ?? text ?? '' };
  });
}

/** What is wrong with a template: unknown placeholders, and braces without a partner. Empty: it is good. */
export function checkTemplate(template: string): readonly TemplatePart[] {
  return parseTemplate(template).flatMap((part): readonly TemplatePart[] => {
    if (part.kind !== 'placeholder') return part.kind === 'brace' ? [part] : [];
    return namesIn(part.text).flatMap(text => (isKnown(text) ? [] : [{ kind: 'placeholder', text }]));
  });
}

/** Fills a template; never throws. An unknown placeholder renders empty, a lone brace as itself. */
export function render(template: string, values: TemplateValues, missing?: MissingKey): string {
  return fill(template, names => chosen(names, values, missing).text);
}

/**
 * Fills a template of a path. The result is relative, its parts are joined by `/` and are never empty, `.` or `..`,
 * and it holds no control character. A value brings folders of its own only in `{file.path}`; elsewhere its slashes
 * (and every backslash, and the colons of dates, which some file systems refuse) become `_` or `-`.
 * With `portable` names, what came from a file's name is escaped, and can be restored.
 */
export function renderPath(
  template: string,
  values: TemplateValues,
  missing?: MissingKey,
  names: NameStyle = 'as-is',
): string {
  const path = fill(template, text => pathValue(chosen(text, values, missing), names));
  const part = names === 'portable' ? portablePart : safePart;
  return path.split('/').filter(Boolean).map(part).join('/') || '_';
}

function fill(template: string, fillIn: (name: string) => string): string {
  return parseTemplate(template)
    .map(part => (part.kind === 'placeholder' ? fillIn(part.text) : part.text))
    .join('');
}

/** The names in a placeholder, in the order of preference. */
export const namesIn = (placeholder: string): readonly string[] =>
  placeholder.split(OR).map(name => name.trim());

/** Whether the template says something that only the contents of the file tell. */
export const needsFacts = (template: string): boolean => mentions(template, name => name.startsWith(LOG));

/** Whether it says something which is not known when a file is found. */
export const isFilledLater = (template: string): boolean =>
  mentions(template, name => LATE_PLACEHOLDERS.includes(name));

/** Whether it cannot be filled before the autopilot has said what it is called. */
export const needsUid = (template: string): boolean =>
  placeholdersIn(template).some(text => namesIn(text).at(-1) === UID);

/** Whether one of its placeholders names what `is` takes. */
export const mentions = (template: string, is: (name: string) => boolean): boolean =>
  placeholdersIn(template).some(text => namesIn(text).some(is));

const placeholdersIn = (template: string): readonly string[] =>
  parseTemplate(template).flatMap(({ kind, text }) => (kind === 'placeholder' ? [text] : []));

function isKnown(name: string): boolean {
  return RENDERERS.has(name) || coexKey(name) !== undefined;
}

function coexKey(name: string): string | undefined {
  return name.startsWith(COEX) ? name.slice(COEX.length) || undefined : undefined;
}

interface Chosen {
  readonly name: string;
  readonly text: string;
}

/** The first of the names that has a value. */
function chosen(placeholder: string, values: TemplateValues, missing?: MissingKey): Chosen {
  const names = namesIn(placeholder);
  for (const name of names) {
    const text = value(name, values, name === names.at(-1) ? missing : undefined);
    if (text !== '') return { name, text };
  }
  const name = names.at(-1) ?? '';
  return { name, text: name.startsWith(LOG) || name === UID ? UNKNOWN : '' };
}

function value(name: string, values: TemplateValues, missing?: MissingKey): string {
  const renderer = RENDERERS.get(name);
  if (renderer) return renderer(values);
  const key = coexKey(name);
  if (key === undefined) return '';
  if (Object.hasOwn(values.coex, key)) return values.coex[key] ?? '';
  missing?.(key);
  return '';
}

function pathValue({ name, text }: Chosen, names: NameStyle): string {
  if (names === 'portable' && (name === 'file.path' || name === 'file.name')) return text;
  if (name === 'file.path') return text.replaceAll('\\', '_');
  if (name === 'file.date' || name === `${LOG}start`) return text.replaceAll(':', '-');
  return text.replace(/[/\\]/g, '_');
}

function safePart(part: string): string {
  const clean = part.replace(/\p{Cc}/gu, '_');
  return clean === '.' || clean === '..' ? clean.replaceAll('.', '_') : clean;
}

/** UTC to the second; empty for what is not a time. */
function isoDate(time: number | undefined): string {
  const date = new Date(time ?? NaN);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString().replace(/\.\d+Z$/, 'Z');
}
