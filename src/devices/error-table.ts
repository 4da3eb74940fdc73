import type { ErrorKind } from '../errors.js';

/** What a reply means: the error's kind, and the words of its message. */
export type Meaning = readonly [kind: ErrorKind, words: string];

/** The meanings of a protocol's reply codes, which have three digits. */
export interface ErrorTable {
  readonly codes: Readonly<Record<number, Meaning>>;
  /** Of a code that is not in `codes`: below 400, below 500, and any other. */
  readonly classes: Readonly<Record<3 | 4 | 5, Meaning>>;
}

export function meaningOf(code: number, { codes, classes }: ErrorTable): Meaning {
  return codes[code] ?? classes[code < 400 ? 3 : code < 500 ? 4 : 5];
}
