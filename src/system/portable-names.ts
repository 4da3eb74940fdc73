// Names that every file system and server can hold. What one of them may refuse, change or misread becomes `%XX`, a byte of
// UTF-8 in hex, and so does each `%` that could be taken for such an escape: undoing every `%XX` (and `%_`, an empty name)
// restores the name, and different names stay different.

/** Names as they are, or portable ones. */
export type NameStyle = 'as-is' | 'portable';

/** Names that Windows and FAT reserve for devices, with or without an extension. */
const RESERVED = /^(?:con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(?= *(?:\.|$))/i;
/** Characters that some file system forbids, and lone surrogates, which UTF-8 cannot encode. */
const HOSTILE = /\p{Cc}|\p{Cs}|[<>:"|?*\\/]/gu;
const LIKE_AN_ESCAPE = /%(?=[0-9a-f]{2}|_)/gi;
/** Windows removes these at the end of a name. */
const LOOSE_END = /[. ]$/;
const EMPTY = '%_';

/** One part of a path. The result is never empty, `.` or `..`. */
export function portablePart(part: string): string {
  if (part === '') return EMPTY;
  return part
    .replace(LIKE_AN_ESCAPE, escaped)
    .replace(HOSTILE, escaped)
    .replace(LOOSE_END, escaped)
    .replace(RESERVED, name => escaped(name.slice(0, 1)) + name.slice(1));
}

/** A path whose parts are joined by `/`. */
export const portablePath = (path: string): string => path.split('/').map(portablePart).join('/');

interface Hazards {
  readonly characters: readonly string[];
  /** Dots and blanks at the end of a part. */
  readonly ends: readonly string[];
  /** Reserved names, in upper case. */
  readonly names: readonly string[];
}

/** What a target may refuse in the names of a path, each once; empty: any target can hold them. */
export function hazardsIn(path: string): readonly string[] {
  const { characters, ends, names } = hazardsOf(path);
  return [...characters, ...ends.map(end => `${end} at the end`), ...names];
}

/** A name that has all the hazards of a path, and cannot be another file's: `unique` is part of it. */
export function oddName(unique: string, path: string): string {
  const { characters, ends, names } = hazardsOf(path);
  return [names[0] ?? [], unique + characters.join('') + (ends[0] ?? '')].flat().join('.');
}

function hazardsOf(path: string): Hazards {
  const parts = path.split('/');
  const each = (pattern: RegExp): string[] => [...new Set(parts.flatMap(part => part.match(pattern) ?? []))];
  const names = each(RESERVED).map(name => name.toUpperCase());
  return { characters: each(HOSTILE), ends: each(LOOSE_END), names };
}

/** One UTF-16 unit as its UTF-8 bytes (a lone surrogate as it would be encoded), each `%XX`. */
export function escaped(character: string): string {
  const code = character.charCodeAt(0);
  const bytes = code < 0x80 ? [code] : code < 0x800 ? twoBytes(code) : threeBytes(code);
  return bytes.map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

const twoBytes = (code: number): number[] => [0xc0 | (code >> 6), 0x80 | (code & 0x3f)];

const threeBytes = (code: number): number[] => [
  0xe0 | (code >> 12),
  0x80 | ((code >> 6) & 0x3f),
  0x80 | (code & 0x3f),
];
