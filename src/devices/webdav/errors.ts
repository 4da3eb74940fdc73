import { STATUS_CODES } from 'node:http';
import { FileSyncError, type ErrorDetails, type ErrorKind } from '../../errors.js';
import { parseRetryAfter } from '../http/answer.js';
import { PROXY_LOGIN } from '../proxy.js';
import { serverWords } from '../server-words.js';

/** A server's refusal. */
export interface Refusal {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  /** The beginning of what it said. */
  readonly text: string;
}

interface Meaning {
  readonly kind: ErrorKind;
  /** After the server's name. */
  readonly says: string;
}

const BUSY: Meaning = { kind: 'busy', says: 'cannot serve now' };
const MOVED: Meaning = { kind: 'protocol', says: 'sends us to another address: set url to that one' };
const NAME: Meaning = { kind: 'bad-name', says: "cannot hold that name: change the rule's path" };

/** RFC 9110 section 15, RFC 4918 section 11, RFC 6585. A status that is missing here is judged by its first digit. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  400: { kind: 'protocol', says: 'does not understand us: check that url is that of its WebDAV folder' },
  401: { kind: 'denied', says: 'does not let us in: check user and password' },
  403: {
    kind: 'denied',
    says: 'forbids it: give the user the right to read, write, rename and delete there',
  },
  404: { kind: 'not-found', says: 'has no such file' },
  405: { kind: 'protocol', says: 'does not take that there: check that url is that of its WebDAV folder' },
  407: { kind: 'denied', says: `cannot be reached, the proxy in between refuses: ${PROXY_LOGIN}` },
  408: BUSY,
  409: { kind: 'io', says: 'lacks the folder: it was removed in the meantime' },
  412: { kind: 'changed', says: 'has another file there by now' },
  413: {
    kind: 'too-large',
    says: 'does not take a file of that size: raise the limit there (nginx: client_max_body_size)',
  },
  414: NAME,
  416: { kind: 'changed', says: 'has a shorter file there by now' },
  423: {
    kind: 'busy',
    says: 'says that the file is locked: another program has it open, or left a lock behind',
  },
  425: BUSY,
  429: { kind: 'busy', says: 'has had too many requests' },
  501: { kind: 'unsupported', says: 'cannot do that' },
  507: { kind: 'no-space', says: 'is full: free space there, or raise the quota' },
};

/** Who refused, to whom. */
export interface Server {
  readonly host: string;
  readonly secrets: Iterable<string>;
  /** ms since the Unix epoch. */
  readonly now: number;
}

/** What a refusal means. Honours Retry-After. */
export function toDavError(
  { status, header, text }: Refusal,
  { host, secrets, now }: Server,
  details: ErrorDetails,
): FileSyncError {
  const { kind, says } = MEANINGS[status] ?? meaningOf(status);
  const words = serverWords(header('location') ?? text, secrets) || STATUS_CODES[status] || 'no words';
  const retryAfterMs = parseRetryAfter(header('retry-after'), now);
  return new FileSyncError(kind, `${host} ${says}: ${status} "${words}"`, {
    ...details,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

function meaningOf(status: number): Meaning {
  if (status >= 500) return BUSY;
  return status >= 400 ? { kind: 'rejected', says: 'refused' } : MOVED;
}
