import { nameFromBytes, pathToBytes } from '../byte-names.js';

// Names in FTP are bytes, in UTF-8 if a server follows RFC 2640. On the control connection each byte is one character
// (latin1); names that are not UTF-8 are represented as `nameFromBytes` does, without loss.

/** The path as in a command: each character is a byte. */
export const toWire = (path: string): string => pathToBytes(path).toString('latin1');

/** @param name as in a reply: each character is a byte */
export const nameFromWire = (name: string): string => nameFromBytes(Buffer.from(name, 'latin1'));

/** The text of a reply, for people. */
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
  if (name === '' || name === '.' || name === '..') return 'is not a file name';
  if (name.includes('/')) return 'contains a "/"';
  return /[\0\r\n]/.test(name) ? 'contains a NUL or a line break' : undefined;
}
