import { STATUS_CODES } from 'node:http';
import { FileSyncError, type ErrorDetails } from '../../errors.js';
import type { Meaning } from '../error-table.js';
import { CLIENT_CERTIFICATE } from '../../system/connection-errors.js';
import { PROXY_LOGIN } from '../proxy.js';
import { serverWords } from '../server-words.js';

/** A server that refused a request. */
export interface Server {
  readonly host: string;
  readonly secrets: Iterable<string>;
  /** ms since the Unix epoch. */
  readonly now: number;
}

export interface Refusal {
  readonly status: number;
  /** Where the server redirects to, or the beginning of its body. */
  readonly said: string;
  /** Of the header Retry-After. */
  readonly retryAfter: string | undefined;
}

/** Of the status 407. */
export const PROXY_REFUSED: Meaning = [
  'denied',
  `cannot be reached, the proxy in between refuses: ${PROXY_LOGIN}`,
];

/** The server, and not this request alone, is asked too much: RFC 6585 section 4, RFC 9110 section 15.6.4. */
const SLOW_DOWN = new Set([429, 503]);

/** nginx completes the TLS handshake and asks in its answer. */
const WANTS_CERTIFICATE = /No required SSL certificate was sent/i;

/** The error of a refused request: `<host> <words>: <status> "<what the server said>"`. */
export function refusalError(
  { status, said, retryAfter }: Refusal,
  meaning: Meaning,
  { host, secrets, now }: Server,
  details: ErrorDetails,
): FileSyncError {
  const wantsCertificate = status === 400 && WANTS_CERTIFICATE.test(said);
  const [kind, words]: Meaning = wantsCertificate ? ['denied', CLIENT_CERTIFICATE] : meaning;
  const quoted = serverWords(said, secrets) || STATUS_CODES[status] || 'no words';
  const retryAfterMs = parseRetryAfter(retryAfter, now) ?? (SLOW_DOWN.has(status) ? 0 : undefined);
  return new FileSyncError(kind, `${host} ${words}: ${status} "${quoted}"`, {
    ...details,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** RFC 9110 section 10.2.3: seconds, or a date. ms from now. */
function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
