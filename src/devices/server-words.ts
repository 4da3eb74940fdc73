const MAX_LENGTH = 200;
const MAX_MESSAGE_LENGTH = 500;

/** Characters of a text that are examined; the rest is left out. */
const MAX_EXAMINED_LENGTH = 65_536;

/** Of secrets that are masked in our own words. */
const MIN_SECRET_LENGTH = 4;

/** Shorter pieces of an encoded secret are found in any text by chance. */
const MIN_ENCODED_LENGTH = 5;

/** Characters of a secret that are searched for: searching for more would take too long in a hostile text. */
const MAX_COMPARED_LENGTH = 16;

/** Names of form fields whose values are secrets. */
const SECRET_NAME = /token|key|secret|pass|pwd|auth|credential|signature/i;

/** The values of those fields whose names say that they are secrets. */
export function secretFields(fields: Readonly<Record<string, string>>): string[] {
  return Object.keys(fields).flatMap(name => (SECRET_NAME.test(name) ? (fields[name] ?? []) : []));
}

/**
 * The text, with `***` in the place of each secret: some servers repeat the command or the header that they refuse. A secret
 * is found as it is, in base64 (also in the middle of a longer text that was encoded), and with any of its characters
 * escaped as in URLs, HTML and JSON. One that the end of the text cuts off is masked as well.
 */
export function masked(text: string, secrets: Iterable<string>): string {
  const longestFirst = [...secrets].filter(Boolean).sort((a, b) => b.length - a.length);
  return longestFirst.reduce((words, secret) => maskOf(secret)(words), text);
}

/** A server's text for an error message: one line without markup, of at most 200 characters, its secrets masked. */
export function serverWords(said: string, secrets: Iterable<string> = []): string {
  const known = masked(said.slice(0, MAX_EXAMINED_LENGTH), secrets);
  const words = withoutMarkup(known)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return words.length > MAX_LENGTH ? `${words.slice(0, MAX_LENGTH - 1)}…` : words;
}

/** A message of ours that quotes a server: its secrets masked, and shortened. Very short secrets would be found in our words. */
export function maskedMessage(message: string, secrets: Iterable<string>): string {
  const known = [...secrets].filter(({ length }) => length >= MIN_SECRET_LENGTH);
  const words = masked(message.slice(0, MAX_EXAMINED_LENGTH), known);
  return words.length > MAX_MESSAGE_LENGTH ? `${words.slice(0, MAX_MESSAGE_LENGTH - 1)}…` : words;
}

type Mask = (text: string) => string;

/** A pattern is made once: a token has thousands of characters, and lines are logged often. */
const masks = new Map<string, Mask>();

function maskOf(secret: string): Mask {
  const known = masks.get(secret);
  if (known) return known;
  const made = makeMask(secret);
  masks.set(secret, made);
  return made;
}

function makeMask(secret: string): Mask {
  const forms = [secret, ...base64Forms(secret)];
  const cut = [...forms, encodeURIComponent(Buffer.from(secret).toString())];
  const finds = forms.map(find);
  return text => {
    const known = finds.reduce((words, each) => each(words), text);
    return cut.reduce(withoutCutEnd, known);
  };
}

/** Masks one form of a secret, of a long one also its beginning alone. */
function find(form: string): Mask {
  const characters = [...form].map(anyEncoding);
  const beginning = new RegExp(characters.slice(0, MAX_COMPARED_LENGTH).join(''), 'g');
  const rest = characters.slice(MAX_COMPARED_LENGTH).map(each => new RegExp(each, 'y'));
  return text => {
    const pieces: string[] = [];
    let at = 0;
    beginning.lastIndex = 0;
    for (let found = beginning.exec(text); found; found = beginning.exec(text)) {
      pieces.push(text.slice(at, found.index));
      at = beginning.lastIndex = endOf(rest, text, beginning.lastIndex);
    }
    return [...pieces, text.slice(at)].join('***');
  };
}

/** How far the text goes on as the patterns do. */
function endOf(patterns: readonly RegExp[], text: string, start: number): number {
  let end = start;
  for (const pattern of patterns) {
    pattern.lastIndex = end;
    if (!pattern.test(text)) break;
    end = pattern.lastIndex;
  }
  return end;
}

/** What base64 makes of the secret's bytes for each place that they can have among groups of three. */
function base64Forms(secret: string): string[] {
  const forms = [0, 1, 2].map(before => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)]);
    const first = Math.ceil((before * 8) / 6);
    return bytes.toString('base64').slice(first, Math.floor((bytes.length * 8) / 6));
  });
  return forms.filter(({ length }) => length >= MIN_ENCODED_LENGTH);
}

const HTML_NAMES: Readonly<Record<string, string>> = {
  '&': 'amp',
  '<': 'lt',
  '>': 'gt',
  '"': 'quot',
  "'": 'apos',
  '/': 'sol',
  '+': 'plus',
  '=': 'equals',
  ':': 'colon',
};

/** In base64 for URLs, two characters are other ones (RFC 4648 section 5). */
const URL_SAFE: Readonly<Record<string, string>> = { '+': '-', '/': '_' };

/** A pattern of the character, as it is or escaped. Each alternative has a limited length: matching stays linear. */
function anyEncoding(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  const percent = [...Buffer.from(character)].map(byte => `%${anyCase(byte.toString(16).padStart(2, '0'))}`);
  const unicode = [...character.split('')].map(unit =>
    anyCase(unit.charCodeAt(0).toString(16).padStart(4, '0')),
  );
  const name = HTML_NAMES[character];
  const also = URL_SAFE[character];
  const alternatives = [
    percent.join(''),
    `&#0{0,4}${code};`,
    `&#[xX]0{0,4}${anyCase(hex)};`,
    ...(name === undefined ? [] : [`&${name};`]),
    unicode.map(unit => `\\\\u${unit}`).join(''),
    ...(/[\\"/']/.test(character) ? [`\\\\${literal(character)}`] : []),
    ...(also === undefined ? [] : [also]),
    ...(character === ' ' ? ['\\+'] : []),
    literal(character),
  ];
  return `(?:${alternatives.join('|')})`;
}

const anyCase = (hex: string): string =>
  hex.replace(/[a-f]/g, letter => `[${letter}${letter.toUpperCase()}]`);

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');

/** Without the beginning of a secret at the end of a text: the connection may have broken within it. */
function withoutCutEnd(text: string, form: string): string {
  for (let length = Math.min(form.length - 1, text.length); length >= MIN_ENCODED_LENGTH; length--) {
    if (text.endsWith(form.slice(0, length))) return `${text.slice(0, -length)}***`;
  }
  return text;
}

/** Without tags, and without scripts and styles with all that is in them. Each character is looked at a limited number of times. */
function withoutMarkup(text: string): string {
  const lower = text.toLowerCase();
  const pieces: string[] = [];
  let at = 0;
  for (let open = lower.indexOf('<'); open >= 0; open = lower.indexOf('<', at)) {
    const end = endOfMarkup(lower, open);
    if (end < 0) break;
    pieces.push(text.slice(at, open));
    at = end;
  }
  return [...pieces, text.slice(at)].join(' ');
}

/** Where the tag that begins at `open`, or the element with its content, ends; -1 if it has no end. */
function endOfMarkup(lower: string, open: number): number {
  const tag = lower.indexOf('>', open) + 1;
  if (tag === 0) return -1;
  const name = ['script', 'style'].find(each => lower.startsWith(each, open + 1));
  if (name === undefined) return tag;
  const close = lower.indexOf(`</${name}>`, tag);
  // Without an end the rest of the text is the content: nothing after it needs to be looked at again.
  return close < 0 ? lower.length : close + name.length + 3;
}
