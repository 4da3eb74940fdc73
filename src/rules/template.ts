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
  readonly device: string;
  readonly hostname: string;
  /** The description file's keys. */
  readonly coex: Readonly<Record<string, string>>;
  /** The rule's description, rendered. */
  readonly description?: string;
}

/** Told of a key that a template names and the description file has not; it renders empty. */
export type MissingKey = (key: string) => void;

/** A literal text, the name between a pair of braces, or a brace without its partner. */
export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'placeholder'; readonly text: string }
  | { readonly kind: 'brace'; readonly text: string };

const COEX = 'coex.';

const RENDERERS: ReadonlyMap<string, (values: TemplateValues) => string> = new Map([
  ['file.name', ({ file }) => file.path.slice(file.path.lastIndexOf('/') + 1)],
  ['file.path', ({ file }) => file.path],
  ['file.size', ({ file }) => String(file.size)],
  ['file.date', ({ file }) => isoDate(file.modified) || isoDate(file.foundAt)],
  ['device', ({ device }) => device],
  ['hostname', ({ hostname }) => hostname],
  ['description', ({ description }) => description ?? ''],
]);

/** Every placeholder, as the docs write it. */
export const PLACEHOLDERS: readonly string[] = [...RENDERERS.keys(), `${COEX}KEY`];

/** `{{` and `}}` are literal braces. */
export function parseTemplate(template: string): readonly TemplatePart[] {
  const tokens = template.matchAll(/(\{\{|\}\})|\{([^{}]*)\}|([{}])|([^{}]+)/g);
  return Array.from(tokens, ([, escaped, placeholder, brace, text]): TemplatePart => {
    if (placeholder !== undefined) return { kind: 'placeholder', text: placeholder.trim() };
    if (brace !== undefined) return { kind: 'brace', text: brace };
    return { kind: 'text', text: escaped?.charAt(0) ?? text ?? '' };
  });
}

/** What is wrong with a template: unknown placeholders, and braces without a partner. Empty: it is good. */
export function checkTemplate(template: string): readonly TemplatePart[] {
  return parseTemplate(template).filter(
    part => part.kind === 'brace' || (part.kind === 'placeholder' && !isPlaceholder(part.text)),
  );
}

/** Fills a template; never throws. An unknown placeholder renders empty, a lone brace as itself. */
export function render(template: string, values: TemplateValues, missing?: MissingKey): string {
  return fill(template, name => value(name, values, missing));
}

/**
 * Fills a template of a path. The result is relative, its parts are joined by `/` and are never empty, `.` or `..`,
 * and it holds no control character. A value brings folders of its own only in `{file.path}`; elsewhere its slashes
 * (and every backslash, and the colons of `{file.date}`, which some file systems refuse) become `_` or `-`.
 * With `portable` names, what came from a file's name is escaped, and can be restored.
 */
export function renderPath(
  template: string,
  values: TemplateValues,
  missing?: MissingKey,
  names: NameStyle = 'as-is',
): string {
  const path = fill(template, name => pathValue(name, value(name, values, missing), names));
  const part = names === 'portable' ? portablePart : safePart;
  return path.split('/').filter(Boolean).map(part).join('/') || '_';
}

function fill(template: string, fillIn: (name: string) => string): string {
  return parseTemplate(template)
    .map(part => (part.kind === 'placeholder' ? fillIn(part.text) : part.text))
    .join('');
}

function isPlaceholder(name: string): boolean {
  return RENDERERS.has(name) || coexKey(name) !== undefined;
}

function coexKey(name: string): string | undefined {
  return name.startsWith(COEX) ? name.slice(COEX.length) || undefined : undefined;
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

function pathValue(name: string, text: string, names: NameStyle): string {
  if (names === 'portable' && (name === 'file.path' || name === 'file.name')) return text;
  if (name === 'file.path') return text.replaceAll('\\', '_');
  if (name === 'file.date') return text.replaceAll(':', '-');
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
