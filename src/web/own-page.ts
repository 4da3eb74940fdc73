import type { IncomingMessage } from 'node:http';
import { HttpError } from '../api/problem.js';

/** Methods that change nothing (RFC 9110 section 9.2.1). */
const SAFE_METHODS: readonly (string | undefined)[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Throws what refuses a request that a page of others has made a browser send: 403, or 415 for a body that a form could send. A
 * program that is no browser sends no Origin.
 */
export function assertOwnPage(request: IncomingMessage, isTls: boolean): void {
  const { method, headers } = request;
  if (!isOfSameOrigin(request, isTls))
    throw new HttpError(403, 'a page of another origin may not use this server');
  if (SAFE_METHODS.includes(method)) return;
  if (headers['x-filesync'] !== '1')
    throw new HttpError(403, `${method} needs the header X-FileSync: 1, which pages of others cannot send`);
  const type = headers['content-type'];
  if (type === undefined ? hasBody(request) : !JSON_TYPE.test(type))
    throw new HttpError(415, 'the body must be JSON: send the header Content-Type: application/json');
}

const JSON_TYPE = /^application\/json *(;|$)/i;

/** RFC 9112 section 6.3. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** A browser says where a request comes from, unless a person has typed the address. A proxy may have ended TLS. */
function isOfSameOrigin({ headers }: IncomingMessage, isTls: boolean): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (site === 'cross-site' || site === 'same-site') return false;
  if (origin === undefined) return true;
  const [, scheme, authority] = /^(https?):\/\/(.+)$/i.exec(origin) ?? [];
  return authority !== undefined && authority === host && (!isTls || scheme === 'https');
}
