import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Config } from '../config/config.js';
import { resolvePath, type Environment } from '../config/paths.js';
import { resolveSecret } from '../config/secrets.js';
import type { ListenAddress, WebConfig } from '../config/web.js';
import { isLoopback } from '../config/web.js';
import { FileSyncError, toFileSyncError } from '../errors.js';
import { PasswordCheck } from './passwords.js';

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The key `web`, with what its secrets and files hold. */
export interface WebSettings {
  readonly listen: ListenAddress;
  readonly hosts: readonly string[];
  readonly tokens: WebConfig['tokens'];
  /** The hash of the password, and what compares with it. */
  readonly password?: { readonly hash: string; readonly check: PasswordCheck };
  readonly tls?: Certificate;
  /** Nobody has to log in: only this machine reaches the page. */
  readonly isOpen: boolean;
}

/** Throws `config` with the remedy; where a file is missing, which may pass, a temporary one. */
export async function settingsOf(
  web: WebConfig,
  { folder }: Pick<Config, 'folder'>,
  env: Environment,
): Promise<WebSettings> {
  const { listen, hosts, tokens } = web;
  const hash =
    web.password === undefined
      ? undefined
      : resolveSecret(web.password, { env, folder, key: 'web.password' });
  const password = hash === undefined ? undefined : { hash, check: new PasswordCheck(hash) };
  const tls = web.tls && (await certificateOf(web.tls, path => resolvePath(folder, path, env)));
  const isOpen = !password && tokens.length === 0 && isLoopback(listen.address);
  return { listen, hosts, tokens, ...(password && { password }), ...(tls && { tls }), isOpen };
}

async function certificateOf(
  { cert, key }: NonNullable<WebConfig['tls']>,
  absolute: (path: string) => string,
): Promise<Certificate> {
  const [certificate, privateKey] = await Promise.all([
    contentOf('web.tls.cert', absolute(cert)),
    contentOf('web.tls.key', absolute(key)),
  ]);
  const read = { cert: certificate, key: privateKey };
  try {
    createSecureContext(read);
  } catch (cause) {
    const reason = toFileSyncError(cause).message;
    const remedy = 'name a certificate and its own private key, both PEM and without a passphrase';
    throw new FileSyncError('config', `web.tls: these cannot be used (${reason}): ${remedy}`, { cause });
  }
  return read;
}

async function contentOf(key: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    const reason = UNREADABLE[code] ?? `cannot be read (${code}): name a file that this user may read`;
    throw new FileSyncError('config', `${key}: ${path} ${reason}`, { cause, temporary: true });
  }
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist: name the file, or create it',
  EACCES: 'may not be read by this user: change its owner or rights',
  EISDIR: 'is a folder: name a file in it',
};
