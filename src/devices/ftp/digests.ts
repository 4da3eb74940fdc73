import type { FTPResponse } from 'basic-ftp';

/** A digest that a server can compute. Paths are as they go into commands. */
export interface ServerDigest {
  readonly algorithm: 'sha256' | 'md5';
  readonly hexDigits: number;
  /** In order; the last one's reply holds the digest. */
  commands(path: string): readonly string[];
}

/** draft-bryan-ftpext-hash. */
const HASH: ServerDigest = {
  algorithm: 'sha256',
  hexDigits: 64,
  commands: path => ['OPTS HASH SHA-256', `HASH ${path}`],
};

/** Older commands, named as their feature is; they take the file's name in quotes. */
const X_DIGESTS = [
  { feature: 'XSHA256', algorithm: 'sha256', hexDigits: 64, commands: path => [`XSHA256 "${path}"`] },
  { feature: 'XMD5', algorithm: 'md5', hexDigits: 32, commands: path => [`XMD5 "${path}"`] },
] as const satisfies readonly (ServerDigest & { feature: string })[];

/** The best of what the server offers (its FEAT reply). */
export function digestOf(features: ReadonlyMap<string, string>): ServerDigest | undefined {
  if (features.get('HASH')?.includes('SHA-256')) return HASH;
  return X_DIGESTS.find(({ feature }) => features.has(feature));
}

/** From the answers to a digest's commands; undefined if the server could not compute it after all. */
export function digestIn(
  digest: ServerDigest | undefined,
  replies: readonly FTPResponse[],
): string | undefined {
  const hex = new RegExp(`\\b[0-9a-f]{${digest?.hexDigits ?? 0}}\\b`, 'i');
  return hex.exec(replies.at(-1)?.message ?? '')?.[0].toLowerCase();
}
