import type { FTPResponse } from 'basic-ftp';

/** A digest that a server can compute. */
export interface ServerDigest {
  readonly algorithm: 'sha256' | 'md5';
  readonly hexDigits: number;
  /** The reply to the last one holds the digest. @param path as in commands */
  commands(path: string): readonly string[];
}

/** draft-bryan-ftpext-hash. */
const HASH: ServerDigest = {
  algorithm: 'sha256',
  hexDigits: 64,
  commands: path => ['OPTS HASH SHA-256', `HASH ${path}`],
};

/** Older commands, which have the name of their feature and the path in quotes. */
const X_DIGESTS = [
  { feature: 'XSHA256', algorithm: 'sha256', hexDigits: 64, commands: path => [`XSHA256 "${path}"`] },
  { feature: 'XMD5', algorithm: 'md5', hexDigits: 32, commands: path => [`XMD5 "${path}"`] },
] as const satisfies readonly (ServerDigest & { feature: string })[];

/** The strongest digest among the features (RFC 2389) of a server. */
export function digestOf(features: ReadonlyMap<string, string>): ServerDigest | undefined {
  if (features.get('HASH')?.includes('SHA-256')) return HASH;
  return X_DIGESTS.find(({ feature }) => features.has(feature));
}

/** From the replies to a digest's commands; undefined if the server could not compute the digest. */
export function digestIn(
  digest: ServerDigest | undefined,
  replies: readonly FTPResponse[],
): string | undefined {
  const hex = new RegExp(`\\b[0-9a-f]{${digest?.hexDigits ?? 0}}\\b`, 'i');
  return hex.exec(replies.at(-1)?.message ?? '')?.[0].toLowerCase();
}
