import { nameFromBytes, pathToBytes } from '../byte-names.js';

// FTP's names are bytes, of UTF-8 where a server keeps to RFC 2640. The control connection therefore carries each byte
// as one character (latin1), and what is not UTF-8 is named as directories name it: nothing is lost on the way.

/** The path as it is put into a command: a character a byte. */
export const toWire = (path: string): string => pathToBytes(path).toString('latin1');

/** A name as the server gave it, a character a byte. */
export const nameFromWire = (name: string): string => nameFromBytes(Buffer.from(name, 'latin1'));

/** What a server says, for people. */
export const wordsFromWire = (words: string): string => Buffer.from(words, 'latin1').toString('utf8');

const URL_SAFE = /[A-Za-z0-9\-_.!~*'()/]/;

/** The path as part of a URL, its bytes percent-encoded. */
export function toUrlPath(path: string): string {
  return toWire(path).replace(/./gs, byte =>
    URL_SAFE.test(byte) ? byte : `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Why a part of a path must not go into a command or a path; undefined if it may. */
export function nameProblem(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'is no name of a file';
  if (name.includes('/')) return 'holds a "/"';
  return /[\0\r\n]/.test(name) ? 'holds a NUL or a line break' : undefined;
}
