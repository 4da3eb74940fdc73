import { createHash, createHmac } from 'node:crypto';

/** The file known_hosts of OpenSSH (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), of which ssh2 knows nothing. */
export interface KnownKey {
  /** Such as `ssh-ed25519`. */
  readonly type: string;
  /** Base64, as in the file. */
  readonly key: string;
  readonly revoked: boolean;
}

export type Verdict = 'known' | 'unknown' | 'changed' | 'revoked';

/** How the file names a server: the port is left out if it is 22. */
export const hostEntry = (host: string, port: number): string =>
  port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;

/** The keys that the text of the file has for a server. Lines that cannot be read, and authorities, are left out. */
export function keysOf(text: string, entry: string): KnownKey[] {
  return text.split('\n').flatMap(line => keyIn(line.trim(), entry) ?? []);
}

function keyIn(line: string, entry: string): KnownKey | undefined {
  if (line.startsWith('#')) return undefined;
  const fields = line.split(/\s+/);
  const marker = fields[0]?.startsWith('@') ? fields.shift() : undefined;
  const [hosts, type, key] = fields;
  if (hosts === undefined || type === undefined || key === undefined) return undefined;
  // A certificate authority signs keys, which are other ones than its own.
  if (marker !== undefined && marker !== '@revoked') return undefined;
  return names(hosts, entry) ? { type, key, revoked: marker === '@revoked' } : undefined;
}

/** A list of patterns, of which one that begins with `!` excludes the server; or one hashed name. */
function names(hosts: string, entry: string): boolean {
  if (hosts.startsWith('|')) return isHashOf(hosts, entry);
  const patterns = hosts.toLowerCase().split(',');
  const isNamed = (pattern: string): boolean => matches(pattern, entry);
  const excluded = patterns.some(pattern => pattern.startsWith('!') && isNamed(pattern.slice(1)));
  return !excluded && patterns.some(isNamed);
}

/** `|1|SALT|HASH`: HMAC-SHA1 of the name. */
function isHashOf(hashed: string, entry: string): boolean {
  const [, version, salt, hash] = hashed.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(entry).digest('base64') === hash;
}

/** `*` stands for any characters, `?` for one. */
function matches(pattern: string, entry: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern === entry;
  const source = pattern
    .replace(/\*+/g, '*')
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(entry);
}

/** Whether a server that presents this key is the one that was trusted. */
export function verdictOn(presented: Buffer, known: readonly KnownKey[]): Verdict {
  const key = presented.toString('base64');
  const same = known.filter(each => each.key === key);
  if (same.some(({ revoked }) => revoked)) return 'revoked';
  if (same.length > 0) return 'known';
  return known.some(({ revoked }) => !revoked) ? 'changed' : 'unknown';
}

/** The type of a key as SSH sends it: a string with its length before it (RFC 4253 section 6.6). */
export function typeOfKey(key: Buffer): string {
  const length = key.length < 4 ? 0 : key.readUInt32BE();
  return key.subarray(4, 4 + Math.min(length, MAX_TYPE_LENGTH)).toString('latin1');
}

const MAX_TYPE_LENGTH = 64;

/** As `ssh-keygen -l` shows it. */
export const fingerprintOf = (key: Buffer): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;

/** The line that trusts the server from now on. */
export const lineFor = (entry: string, key: Buffer): string =>
  `${entry} ${typeOfKey(key)} ${key.toString('base64')}`;

/** Signature algorithms of each type of key, in the order of preference. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
};

/** Algorithms to ask a server for: first those of the keys that are known, since a server has a key of each type. */
export function hostKeyAlgorithms(known: readonly KnownKey[]): string[] {
  const types = Object.keys(ALGORITHMS);
  const wanted = types.filter(type => known.some(key => key.type === type && !key.revoked));
  return [...new Set([...wanted, ...types])].flatMap(type => ALGORITHMS[type] ?? []);
}
