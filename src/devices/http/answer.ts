import { isIP } from 'node:net';
import * as z from 'zod';
import { FileSyncError, type ErrorDetails } from '../../errors.js';
import { formatSize } from '../../system/size.js';
import { meaningOf, type ErrorTable, type Meaning } from '../error-table.js';
import { bareHost } from '../proxy.js';
import { PROXY_REFUSED, refusalError } from './refusal.js';

/** A server's answer to an upload. */
export interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly retryAfter: string | undefined;
  /** The largest upload, from the header Upload-Limit (IETF draft on resumable uploads) or Tus-Max-Size. */
  readonly limit: string | undefined;
  /** The beginning of the body. */
  readonly body: string;
}

/** An upload that was answered. */
export interface Upload {
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

const BUSY: Meaning = ['busy', 'cannot take it now'];
const LOGIN: Meaning = ['denied', 'refused the login: check headers, and the rights there'];

/** RFC 9110 section 15 and RFC 6585. The words follow the server's name. */
const STATUS: ErrorTable = {
  codes: {
    401: LOGIN,
    403: LOGIN,
    404: ['rejected', 'has no upload there: check url'],
    405: ['rejected', 'supports no upload there: check url and method'],
    407: PROXY_REFUSED,
    408: BUSY,
    413: [
      'too-large',
      'does not take a file of that size: raise the limit there (nginx: client_max_body_size), or leave such files out of the rule',
    ],
    425: BUSY,
    429: BUSY,
    501: ['rejected', 'supports no such upload: check url and method'],
    507: ['no-space', 'is full'],
    511: ['denied', 'cannot be reached: the network in between wants a login first'],
  },
  classes: {
    3: ['protocol', 'redirects uploads to another address: set url to that one'],
    4: ['rejected', 'refused the file'],
    5: BUSY,
  },
};

/**
 * The file's location, if the server reports one: `url` or `location` in a JSON body, or the Location header, made
 * absolute. No redirect is followed; with one that only moves the upload (for example to https) no file was stored.
 * Throws unless the file was stored.
 */
export function locationIn(answer: Answer, upload: Upload): URL | undefined {
  const location = locationOf(answer, upload.url);
  if (!isSuccess(answer.status, location, upload.url)) throw refusal(answer, upload, location);
  if (upload.complete) return location;
  const message = `${upload.url.host} answered ${answer.status} before the whole file was sent: is there a login page in between?`;
  throw new FileSyncError('protocol', message, upload.details);
}

/**
 * Why it is unknown whether the file was stored: a gateway timed out (504), or the answer redirects to another site, which
 * may show the file, but may also be the login page of a network in between.
 */
export function unknownOutcome(answer: Answer, upload: Upload): string | undefined {
  if (!upload.complete) return undefined;
  if (answer.status === 504) return 'timed out (504)';
  const location = locationOf(answer, upload.url);
  if (!isResultRedirect(answer.status) || !location || storedNothing(location, upload.url)) return undefined;
  return isSameSite(location, upload.url) ? undefined : `redirected to ${location.host} (${answer.status})`;
}

/** Redirects by which pages show the result of a form (RFC 9110 sections 15.4.3 and 15.4.4). */
const isResultRedirect = (status: number): boolean => status === 302 || status === 303;

/** Paths of pages that require a login: a redirect to one means that the login failed. */
const LOGIN_PAGE = /\/(log|sign)[-_]?in\b/i;

/** Whether a redirect only moves the upload (for example to https), or requires a login first. */
const storedNothing = ({ pathname }: URL, requested: URL): boolean =>
  pathname === requested.pathname || LOGIN_PAGE.test(pathname);

function isSameSite(one: URL, other: URL): boolean {
  const [a, b] = [bareHost(one), bareHost(other)];
  const domain = (host: string): string => host.split('.').slice(-2).join('.');
  return a === b || (!isIP(a) && !isIP(b) && domain(a) === domain(b));
}

function isSuccess(status: number, location: URL | undefined, requested: URL): boolean {
  if (!isResultRedirect(status)) return status >= 200 && status < 300;
  return location !== undefined && !storedNothing(location, requested);
}

function refusal(answer: Answer, upload: Upload, location: URL | undefined): FileSyncError {
  const { status, body, limit, retryAfter } = answer;
  const toLogin = status < 400 && location !== undefined && LOGIN_PAGE.test(location.pathname);
  const [kind, words] = toLogin ? LOGIN : meaningOf(status, STATUS);
  const size = kind === 'too-large' ? sizes(upload.size, limit) : '';
  const server = { host: upload.url.host, secrets: upload.secrets, now: upload.now };
  const refused = { status, said: location?.href ?? body, retryAfter };
  return refusalError(refused, [kind, words + size], server, upload.details);
}

/** The size of the file, and the server's limit if a header has it (often the body does). */
function sizes(size: number, header: string | undefined): string {
  const limit = /^(?:.*\bmax-size=)?(\d+)\b/.exec(header ?? '')?.[1];
  const known = limit === undefined ? '' : `, the limit is ${formatSize(Number(limit))}`;
  return ` (the file has ${formatSize(size)}${known})`;
}

function locationOf({ body, location }: Answer, base: URL): URL | undefined {
  const text = jsonLocation(body) ?? location;
  return text !== undefined && URL.canParse(text, base.href) ? new URL(text, base) : undefined;
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
