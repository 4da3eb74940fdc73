import { FileSyncError } from '../../errors.js';
import { nameFromBytes, pathToBytes } from '../byte-names.js';

// Paths on the server are arrays of decoded names here, so that a slash in a name is not ambiguous. Names that are not
// UTF-8 are represented as `nameFromBytes` does.

const UNRESERVED = /[A-Za-z0-9._~-]/;

/** One name in a URL's path; everything but letters, digits and `-._~` is escaped (RFC 3986 section 2.3). */
export function encodeName(name: string): string {
  const escape = (byte: number): string => {
    const character = String.fromCharCode(byte);
    return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  };
  return [...pathToBytes(name)].map(escape).join('');
}

/** The names in a URL's path. Throws `protocol` for a name that could leave the folder: escaped slashes, `..`, NUL. */
export function namesIn(path: string): string[] {
  const parts = path.split('/').filter(part => part !== '');
  return parts.map(decodeName);
}

function decodeName(part: string): string {
  const name = nameFromBytes(bytesOf(part));
  if (name === '.' || name === '..' || /[/\0]/.test(name)) throw suspicious(part);
  return name;
}

function bytesOf(part: string): Buffer {
  if (/%(?![0-9A-Fa-f]{2})/.test(part)) throw suspicious(part);
  const pieces = part.split(/(%[0-9A-Fa-f]{2})/);
  return Buffer.concat(
    pieces.map(piece => (piece.startsWith('%') ? Buffer.from(piece.slice(1), 'hex') : Buffer.from(piece))),
  );
}

/**
 * The names in a `href` of the server's answer. Throws `protocol` for another host, a query, or a name that would leave
 * the folder.
 */
export function namesInHref(href: string, server: URL): string[] {
  // The parts are separated by a slash, so that no character is examined twice.
  const [, authority, path] = /^(?:(?:https?:)?\/\/([^/]*)|(?!\/\/))(\/.*)$/is.exec(href) ?? [];
  if (path === undefined || /[?#]/.test(href) || !(authority === undefined || isSameHost(authority, server)))
    throw suspicious(href);
  return namesIn(path);
}

/** Characters of a host's name with user and port. Parsing longer ones takes time that grows with the square of the length. */
const MAX_AUTHORITY_LENGTH = 1024;

/** Behind a proxy that terminates TLS, a server may report another port or protocol for itself. */
function isSameHost(authority: string, { hostname }: URL): boolean {
  if (authority.length > MAX_AUTHORITY_LENGTH) return false;
  const url = `http://${authority}`;
  return URL.canParse(url) && new URL(url).hostname === hostname;
}

/** Characters of a name that a message shows. */
const MAX_SHOWN_LENGTH = 1000;

function suspicious(text: string): FileSyncError {
  const message = `the server lists ${JSON.stringify(text.slice(0, MAX_SHOWN_LENGTH))}, which is not a file of that folder`;
  return new FileSyncError('protocol', message);
}

/** Whether two paths are the same on a server that may change the Unicode form or the letter case of names. */
export const isSamePath = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((name, index) => folded(name) === folded(other[index] ?? ''));

const folded = (name: string): string => name.normalize('NFC').toLowerCase();
