/** Characters of a text that are examined for secrets; the rest is left out. */
export const MAX_EXAMINED_LENGTH = 65_536;

/** Of secrets that are masked in our own words: shorter ones would blacken ordinary words. */
export const MIN_SECRET_LENGTH = 4;

/** Shorter pieces of an encoded secret are found in any text by chance. */
const MIN_ENCODED_LENGTH = 5;

/** As above, in hex. */
const MIN_HEX_LENGTH = 8;

/** Characters of a secret that are searched for: searching for more would take too long in a hostile text. */
const MAX_COMPARED_LENGTH = 16;

/**
 * The text, with `***` in the place of each secret: some servers repeat the command or the header that they refuse. A secret
 * is found as it is, in base64 (also in the middle of a longer text that was encoded), and with any of its characters
 * escaped as in URLs, HTML and JSON. One that the end of the text cuts off is masked as well.
 */
export function masked(text: string, secrets: Iterable<string>): string {
  const longestFirst = [...secrets].filter(Boolean).sort((a, b) => b.length - a.length);
  return longestFirst.reduce((words, secret) => maskOf(secret)(words), text);
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
  const forms = [...spellings(secret), ...base64Forms(secret)];
  const cut = [...forms, encodeURIComponent(Buffer.from(secret).toString())];
  const finds = [...forms.map(find), ...hexForms(secret).map(find)];
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

/** The secret, also with its accents apart (Unicode's NFD), and with its bytes read as Latin-1. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [...new Set([secret, secret.normalize('NFD'), bytes.toString('latin1')])];
}

function hexForms(secret: string): string[] {
  const hex = Buffer.from(secret).toString('hex');
  return hex.length < MIN_HEX_LENGTH ? [] : [hex, hex.toUpperCase()];
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

/** Of an entity, which may be escaped itself. */
const AMPERSAND = '&(?:amp;){0,2}';
/** What becomes of a blank in a form, in wrapped lines and in HTML. */
const BLANKS = ['\\+', '\\r?\\n', '[\\t\\xa0]', '&nbsp;', '&#160;'];

/** A pattern of the character, as it is or escaped, once or more often. Each alternative has a limited length: matching stays linear. */
function anyEncoding(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  const percent = [...Buffer.from(character)].map(
    byte => `%(?:25){0,2}${anyCase(byte.toString(16).padStart(2, '0'))}`,
  );
  const unicode = [...character.split('')].map(unit =>
    anyCase(unit.charCodeAt(0).toString(16).padStart(4, '0')),
  );
  const name = HTML_NAMES[character];
  const also = URL_SAFE[character];
  const alternatives = [
    percent.join(''),
    `${AMPERSAND}#0{0,4}${code};`,
    `${AMPERSAND}#[xX]0{0,4}${anyCase(hex)};`,
    ...(name === undefined ? [] : [`${AMPERSAND}${name};`]),
    unicode.map(unit => `\\\\u${unit}`).join(''),
    ...(/[\\"/']/.test(character) ? [`\\\\${literal(character)}`] : []),
    ...(also === undefined ? [] : [also]),
    ...(character === ' ' ? BLANKS : []),
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
