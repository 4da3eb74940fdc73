import { FileSyncError, type ErrorDetails } from '../../errors.js';
import { formatSize } from '../../system/size.js';
import { meaningOf, type ErrorTable, type Meaning } from '../error-table.js';
import { serverWords } from '../server-words.js';
import { isLoginPage, isResultRedirect, isSameSite, locationOf, storedNothing } from './location.js';
import { PROXY_REFUSED, refusalError } from './refusal.js';
import { findingOf, type Success } from './success.js';

/** A server's answer to an upload. */
export interface UploadReply {
  readonly status: number;
  readonly location: string | undefined;
  readonly retryAfter: string | undefined;
  /** WWW-Authenticate. */
  readonly challenge?: string | undefined;
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
  /** How the site says that it has stored a file. */
  readonly success?: Success | undefined;
  /** What statuses of this site mean, all of which say that nothing was stored. */
  readonly refusals?: ErrorTable['codes'] | undefined;
}

const BUSY: Meaning = ['busy', 'cannot take it now'];
const LOGIN: Meaning = [
  'denied',
  'refused the login: check user and password, or headers, and the rights there',
];
const LOGIN_IN_BETWEEN: Meaning = [
  'denied',
  'cannot be reached, or wants a login: a login page answered; log in to the network in between, or check headers',
];
const NOT_STORED: Meaning = ['rejected', 'did not store the file, although the status is one of success'];

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
 * The 5xx that say clearly that nothing was stored; those from 520 on are Cloudflare's, for a server that it could not
 * connect to. After any other one the file may have been stored: programs fail after that, and gateways lose answers.
 */
const CLEAR_REFUSALS = new Set([501, 503, 505, 507, 508, 510, 511, 521, 523, 525, 526, 530]);

/**
 * The file's location, if the server reports one. No redirect is followed; with one that only moves the upload (for example to
 * https) no file was stored. Throws unless the file was stored.
 */
export function locationIn(answer: UploadReply, upload: Upload): URL | undefined {
  const location = locationOf(answer, upload.url);
  if (!isSuccess(answer.status, location, upload)) throw refusal(answer, upload, location);
  if (!upload.complete) {
    const message = `${upload.url.host} answered ${answer.status} before the whole file was sent: is there a login page in between?`;
    throw new FileSyncError('protocol', message, upload.details);
  }
  const finding = findingOf(answer, upload.success);
  if (finding === 'stored') return location;
  throw refused(finding === 'login' ? LOGIN_IN_BETWEEN : NOT_STORED, answer, upload, undefined);
}

/**
 * Why it is unknown whether the file was stored: a status that is no clear refusal, or a redirect to another site, which may
 * show the file, but may also be the login page of a network in between.
 */
export function unknownOutcome(answer: UploadReply, upload: Upload): string | undefined {
  const { status, body } = answer;
  if (!upload.complete || upload.refusals?.[status]) return undefined;
  if (status >= 500 && !CLEAR_REFUSALS.has(status)) return unclear(status, body, upload.secrets);
  const location = locationOf(answer, upload.url);
  if (!isResultRedirect(status) || !location || storedNothing(location, upload.url)) return undefined;
  return isSameSite(location, upload.url) ? undefined : `redirected to ${location.host} (${status})`;
}

function unclear(status: number, body: string, secrets: Iterable<string>): string {
  if (status === 504) return 'timed out (504)';
  const said = serverWords(body, secrets);
  return `answered ${status}${said && ` "${said}"`}`;
}

function isSuccess(status: number, location: URL | undefined, { url, success }: Upload): boolean {
  if (success?.status !== undefined && [success.status].flat().includes(status)) return true;
  if (!isResultRedirect(status)) return status >= 200 && status < 300;
  return location !== undefined && !storedNothing(location, url);
}

function refusal(answer: UploadReply, upload: Upload, location: URL | undefined): FileSyncError {
  const { status } = answer;
  const toLogin = status < 400 && location !== undefined && isLoginPage(location);
  const meaning = upload.refusals?.[status] ?? meaningOf(status, STATUS);
  return refused(toLogin ? LOGIN : meaning, answer, upload, location);
}

function refused(
  [kind, words]: Meaning,
  { status, body, limit, retryAfter }: UploadReply,
  upload: Upload,
  location: URL | undefined,
): FileSyncError {
  const size = kind === 'too-large' ? sizes(upload.size, limit) : '';
  const server = { host: upload.url.host, secrets: upload.secrets, now: upload.now };
  const refusal = { status, said: location?.href ?? body, retryAfter };
  return refusalError(refusal, [kind, words + size], server, upload.details);
}

/** The size of the file, and the server's limit if a header has it (often the body does). */
function sizes(size: number, header: string | undefined): string {
  const limit = /^(?:.*\bmax-size=)?(\d+)\b/.exec(header ?? '')?.[1];
  const known = limit === undefined ? '' : `, the limit is ${formatSize(Number(limit))}`;
  return ` (the file has ${formatSize(size)}${known})`;
}
