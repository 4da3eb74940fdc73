import { suggest } from './nearest.js';

/** What the placeholders in the `body` of a notification stand for. `json` is a whole JSON object, `count` a number in digits. */
export type NoticeValues = Readonly<Record<NoticePlaceholder, string>>;

export const NOTICE_PLACEHOLDERS = [
  ...(['title', 'text', 'event', 'device', 'count', 'hostname', 'time', 'id', 'json'] as const),
];
type NoticePlaceholder = (typeof NOTICE_PLACEHOLDERS)[number];

/** Braces around anything else are literal, as JSON needs them. */
const PLACEHOLDER = /\{([a-z][\w.]*)\}/gi;
/** They are no JSON strings: nothing in them is escaped. */
const RAW: ReadonlySet<string> = new Set(['json', 'count']);

/** Fills the template; with `isJson`, each value is escaped as the content of a JSON string. */
export function fillNotice(template: string, values: NoticeValues, isJson: boolean): string {
  return template.replace(PLACEHOLDER, (whole, name: string) => {
    const value = isPlaceholder(name) ? values[name] : whole;
    return isJson && !RAW.has(name) ? JSON.stringify(value).slice(1, -1) : value;
  });
}

/** What is wrong with the template of a body, as a sentence with the remedy; undefined if nothing is. */
export function noticeBodyProblem(template: string, contentType: string | undefined): string | undefined {
  const unknown = unknownPlaceholder(template, NOTICE_PLACEHOLDERS);
  if (unknown !== undefined) return unknown;
  if (!isJsonType(contentTypeOf(template, contentType))) return undefined;
  return isJson(fillNotice(template, SAMPLE, true)) ? undefined : NO_JSON;
}

/** The first placeholder that is not one of the `known`, as a sentence with the remedy. */
export function unknownPlaceholder(template: string, known: readonly string[]): string | undefined {
  const show = (name: string) => `{${name}}`;
  for (const [whole, name = ''] of template.matchAll(PLACEHOLDER))
    if (!known.includes(name)) return `unknown placeholder ${whole}; ${suggest(name, known, show)}`;
  return undefined;
}

/** The media type of a body: the one that a header names, or else what the template looks like. */
export function contentTypeOf(template: string, named: string | undefined): string {
  const looksLikeJson = /^\s*(\{\s*["}]|\[|\{json\}\s*$)/.test(template);
  return named ?? (looksLikeJson ? 'application/json' : 'text/plain; charset=utf-8');
}

/** RFC 8259, and the suffix of RFC 6839. */
export const isJsonType = (contentType: string): boolean =>
  /^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(contentType);

/** The values as a body of that type needs them where it is not JSON: those in a form would end their field, and begin others. */
export function valuesFor(contentType: string, values: NoticeValues): NoticeValues {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(contentType)) return values;
  const escaped = (name: NoticePlaceholder) => new URLSearchParams([['', values[name]]]).toString().slice(1);
  return Object.fromEntries(NOTICE_PLACEHOLDERS.map(name => [name, escaped(name)])) as NoticeValues;
}

const isPlaceholder = (name: string): name is NoticePlaceholder =>
  (NOTICE_PLACEHOLDERS as readonly string[]).includes(name);

const SAMPLE: NoticeValues = {
  ...{ title: 'title', text: 'text', event: 'failed', device: 'camera', count: '1', hostname: 'pi' },
  ...{ time: '2026-01-01T00:00:00.000Z', id: '0', json: '{}' },
};

const NO_JSON =
  'is not JSON once its placeholders are filled: check quotes and commas ("{text}" needs its quotes), or set the header Content-Type: text/plain';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
