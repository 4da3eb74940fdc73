import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Scope, WebConfig } from '../config/web.js';

const TOKEN_BYTES = 32;

/** A token: so many random bits need no slow hash. */
export const makeToken = (): string => `fs_${randomBytes(TOKEN_BYTES).toString('base64url')}`;

/** As `web.tokens` has it. */
export const hashToken = (token: string): string =>
  `sha256:${createHash('sha256').update(token).digest('hex')}`;

/** The scopes of the token in a header `Authorization: Bearer TOKEN` (RFC 6750); undefined if it is none of these. */
export function scopesOfToken(
  authorization: string,
  tokens: WebConfig['tokens'],
): readonly Scope[] | undefined {
  const [, token = ''] = /^Bearer +([\w.~+/=-]{1,256})$/i.exec(authorization) ?? [];
  const hash = Buffer.from(hashToken(token));
  let scopes: readonly Scope[] | undefined;
  // Each hash is compared, so that the time says nothing of which one it is.
  for (const known of tokens) if (timingSafeEqual(hash, Buffer.from(known.hash))) scopes = known.scopes;
  return scopes;
}
