import { masked, MAX_EXAMINED_LENGTH, MIN_SECRET_LENGTH } from '../system/masked.js';

const MAX_LENGTH = 200;
const MAX_MESSAGE_LENGTH = 500;

/** Names of form fields whose values are secrets. */
const SECRET_NAME = /token|key|secret|pass|pwd|auth|credential|signature/i;

/** The values of those fields whose names say that they are secrets. */
export function secretFields(fields: Readonly<Record<string, string>>): string[] {
  return Object.keys(fields).flatMap(name => (SECRET_NAME.test(name) ? (fields[name] ?? []) : []));
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
