import { STATUS_CODES } from 'node:http';
import { isIP } from 'node:net';
import * as z from 'zod';
import { FileSyncError, type ErrorDetails, type ErrorKind } from '../../errors.js';
import { formatSize } from '../../system/size.js';
import { bareHost, PROXY_LOGIN } from '../proxy.js';
import { serverWords } from '../server-words.js';

/** What a server answered to an upload. */
export interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly retryAfter: string | undefined;
  /** The largest upload that it takes, if a header tells: Upload-Limit (IETF draft on resumable uploads) or Tus-Max-Size. */
  readonly limit: string | undefined;
  /** Its beginning. */
  readonly body: string;
}

/** The upload that was answered. */
export interface Asked {
  readonly details: ErrorDetails;
  readonly url: URL;
  /** Bytes of the file. */
  readonly size: number;
  /** The whole body had been sent when the answer came. */
  readonly complete: boolean;
  readonly secrets: Iterable<string>;
  /** ms since the Unix epoch. */
  readonly now: number;
}

interface Meaning {
  readonly kind: ErrorKind;
  readonly says: string;
}

const BUSY: Meaning = { kind: 'busy', says: 'cannot take it now' };
const MOVED: Meaning = { kind: 'protocol', says: 'sends uploads to another address: set url to that one' };
const LOGIN: Meaning = { kind: 'denied', says: 'does not let us in: check headers, and the rights there' };
const REFUSED: Meaning = { kind: 'rejected', says: 'refused the file' };

/** RFC 9110 section 15 and RFC 6585. A status that is missing here is judged by its first digit. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  401: LOGIN,
  403: LOGIN,
  404: { kind: 'rejected', says: 'has no upload there: check url' },
  405: { kind: 'rejected', says: 'takes no upload there: check url and method' },
  407: { kind: 'denied', says: `cannot be reached, the proxy in between refuses: ${PROXY_LOGIN}` },
  408: BUSY,
  413: {
    kind: 'too-large',
    says: 'does not take a file of that size: raise the limit there (nginx: client_max_body_size), or leave such files out of the rule',
  },
  425: BUSY,
  429: BUSY,
  501: { kind: 'rejected', says: 'takes no such upload: check url and method' },
  507: { kind: 'no-space', says: 'is full' },
  511: { kind: 'denied', says: 'cannot be reached: the network in between wants a login first' },
};

/**
 * Where the file is now, if the server tells: `url` or `location` in a JSON body, or the Location header, made
 * absolute. A redirect is not followed; one that only moves the upload (to https, say) took nothing.
 * Throws unless the file was taken.
 */
export function locationIn(answer: Answer, asked: Asked): URL | undefined {
  const location = toldLocation(answer, asked.url);
  if (!isSuccess(answer.status, location, asked.url)) throw refusal(answer, asked, location);
  if (asked.complete) return location;
  const message = `${asked.url.host} answered ${answer.status} before it had the file: is there a login page in between?`;
  throw new FileSyncError('protocol', message, asked.details);
}

/**
 * Why the answer leaves open what became of the file: a gateway gave up waiting (504), or we are sent to another site,
 * which may show the file, but may as well be the login page of a network in between.
 */
export function doubtIn(answer: Answer, asked: Asked): string | undefined {
  if (!asked.complete) return undefined;
  if (answer.status === 504) return 'gave up waiting (504)';
  const location = toldLocation(answer, asked.url);
  if (!isResult(answer.status) || !location || tookNothing(location, asked.url)) return undefined;
  return isSameSite(location, asked.url) ? undefined : `sent us on to ${location.host} (${answer.status})`;
}

/** Redirects by which pages show what came of a form (RFC 9110 sections 15.4.3 and 15.4.4). */
const isResult = (status: number): boolean => status === 302 || status === 303;

/** Paths of pages that want a login: whoever is sent there was not let in. */
const LOGIN_PAGE = /\/(log|sign)[-_]?in\b/i;

/** A redirect only moves the upload (to https, say), or wants a login first. */
const tookNothing = ({ pathname }: URL, asked: URL): boolean =>
  pathname === asked.pathname || LOGIN_PAGE.test(pathname);

function isSameSite(one: URL, other: URL): boolean {
  const [a, b] = [bareHost(one), bareHost(other)];
  const domain = (host: string): string => host.split('.').slice(-2).join('.');
  return a === b || (!isIP(a) && !isIP(b) && domain(a) === domain(b));
}

function isSuccess(status: number, location: URL | undefined, asked: URL): boolean {
  if (!isResult(status)) return status >= 200 && status < 300;
  return location !== undefined && !tookNothing(location, asked);
}

function refusal(answer: Answer, asked: Asked, location: URL | undefined): FileSyncError {
  const { status } = answer;
  const { kind, says } = MEANINGS[status] ?? meaningOf(status, location);
  const said = location?.href ?? answer.body;
  const words = serverWords(said, asked.secrets) || STATUS_CODES[status] || 'no words';
  const size = kind === 'too-large' ? sizes(asked.size, answer.limit) : '';
  const retryAfterMs = parseRetryAfter(answer.retryAfter, asked.now);
  return new FileSyncError(kind, `${asked.url.host} ${says}${size}: ${status} "${words}"`, {
    ...asked.details,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** The size of the file, and the server's limit where it tells one (often its words do). */
function sizes(size: number, told: string | undefined): string {
  const limit = /^(?:.*\bmax-size=)?(\d+)\b/.exec(told ?? '')?.[1];
  const known = limit === undefined ? '' : `, it takes up to ${formatSize(Number(limit))}`;
  return ` (the file has ${formatSize(size)}${known})`;
}

function meaningOf(status: number, location: URL | undefined): Meaning {
  if (status >= 500) return BUSY;
  if (status >= 400) return REFUSED;
  return location && LOGIN_PAGE.test(location.pathname) ? LOGIN : MOVED;
}

/** RFC 9110 section 10.2.3: seconds, or a date. ms from now. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function toldLocation({ body, location }: Answer, base: URL): URL | undefined {
  const told = jsonLocation(body) ?? location;
  return told !== undefined && URL.canParse(told, base.href) ? new URL(told, base) : undefined;
}

const jsonAnswer = z.object({ url: z.string(), location: z.string() }).partial();

function jsonLocation(body: string): string | undefined {
  try {
    const { url, location } = jsonAnswer.parse(JSON.parse(body));
    return url ?? location;
  } catch {
    return undefined;
  }
}
