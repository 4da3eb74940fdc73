/** The bytes that a request asks for: from `start` to `end`, without the one at `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** More digits than any file is long. */
const MAX_DIGITS = 15;
const ONE_RANGE = new RegExp(`^bytes=[ \\t]*(\\d{0,${MAX_DIGITS}})-(\\d{0,${MAX_DIGITS}})[ \\t]*$`, 'i');

/**
 * What a Range header asks of a file (RFC 9110, section 14.2). Undefined: all of it, as for a header that is no range, another unit or
 * several ranges, which a server may ignore. `unsatisfiable`: nothing of it is in the file.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = ONE_RANGE.exec(header ?? '') ?? [];
  if (first === '') return last === '' ? undefined : suffixOf(Number(last), size);
  const [start, end] = [Number(first), last === '' ? Infinity : Number(last) + 1];
  if (end <= start) return undefined;
  return start < size ? { start, end: Math.min(size, end) } : 'unsatisfiable';
}

const suffixOf = (length: number, size: number): ByteRange | 'unsatisfiable' =>
  length > 0 && size > 0 ? { start: Math.max(0, size - length), end: size } : 'unsatisfiable';

/** Whether a range is still of the file that the client has a part of (RFC 9110, section 13.1.5): we issue strong entity tags. */
export const isSameFile = (ifRange: string | undefined, etag: string | undefined): boolean =>
  ifRange === undefined || (etag !== undefined && ifRange === etag);

/**
 * Has a browser save the answer under that name (RFC 6266): in ASCII for old clients, in full for all others. What could be a path,
 * or end the header, is replaced.
 */
export function attachment(name: string): string {
  const safe = safeName(name);
  const ascii = safe.replace(/[^\x20-\x7e]|["%;]/g, '_');
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded(safe)}`;
}

/** Without control characters, those that turn the direction of text, halves of a character, and separators of paths. */
function safeName(name: string): string {
  const safe = name.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}/\\]/gu, '_');
  return /^\.*$/.test(safe) ? 'file' : safe;
}

/** RFC 8187, section 3.2.1: `attr-char` are those that encodeURIComponent leaves, but for these. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/['()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
