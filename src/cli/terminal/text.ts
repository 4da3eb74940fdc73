import { eastAsianWidth } from 'get-east-asian-width';

const ELLIPSIS = '…';
/** Marks that stand above or below the letter before them. */
const COMBINING = /^[\p{Mn}\p{Me}]$/u;

/** Columns of a text without control characters on a terminal. Wide East Asian characters and emoji take two. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const char of text) columns += columnsOfChar(char);
  return columns;
}

const columnsOfChar = (char: string): number =>
  COMBINING.test(char) ? 0 : eastAsianWidth(char.codePointAt(0) ?? 0);

export const padEnd = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - columnsOf(text)));

export const padStart = (text: string, columns: number): string =>
  ' '.repeat(Math.max(0, columns - columnsOf(text))) + text;

/** At most that many columns: a longer text loses its middle, since names differ at their ends. */
export function shorten(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  if (columns < 1) return '';
  const chars = [...text];
  const head = fitting(chars, Math.floor((columns - 1) / 2));
  const tail = fitting(chars.reverse(), columns - 1 - columnsOf(head.join('')));
  return [...head, ELLIPSIS, ...tail.reverse()].join('');
}

/** Lines of at most that many columns, broken at spaces where there are any. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (columnsOf(rest) > columns) {
    const fits = fitting([...rest], columns).join('').length;
    const space = rest.lastIndexOf(' ', fits);
    const end = space > 0 ? space : fits;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/** As many of the first characters as fit. */
function fitting(chars: readonly string[], columns: number): string[] {
  let left = columns;
  const end = chars.findIndex(char => (left -= columnsOfChar(char)) < 0);
  return chars.slice(0, end < 0 ? chars.length : end);
}

/** Seconds as people read them: `0:46`, `12:31`, `1:02:03`; days from 100 hours on: `5 d`. */
export function formatTimeLeft(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole >= 360_000) return `${Math.round(whole / 86_400)} d`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (number: number) => String(number).padStart(2, '0');
  const rest = two(whole % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
