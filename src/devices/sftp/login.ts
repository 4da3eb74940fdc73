import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ssh2, { type ConnectConfig } from 'ssh2';
import type { DeviceContext } from '../../config/definition.js';
import { FileSyncError } from '../../errors.js';
import {
  fingerprintOf,
  hostEntry,
  hostKeyAlgorithms,
  keysOf,
  lineFor,
  verdictOn,
  type KnownKey,
  type Verdict,
} from './known-hosts.js';
import type { SftpOptions } from './options.js';

/** All that one login needs. */
export interface Login {
  readonly config: ConnectConfig;
  /** Set when the server has presented a key that is not trusted. */
  readonly untrusted: () => FileSyncError | undefined;
}

const SYSTEM_KNOWN_HOSTS = '/etc/ssh/ssh_known_hosts';

/** Read at each login: keys, passwords and known hosts may change while the program runs. */
export async function loginOf(
  options: SftpOptions,
  context: DeviceContext,
  secrets: Set<string>,
): Promise<Login> {
  const { host, port, user } = options;
  const ways = { ...(await keyOf(options, context, secrets)), ...agentOf(options, context) };
  const password = options.password === undefined ? undefined : context.secret(options.password);
  if (password !== undefined) secrets.add(password);
  if (Object.keys(ways).length === 0 && password === undefined)
    throw mistake('there is nothing to log in with: set key, agent or password', context);
  const { known, files } = await readKnownHosts(options, context);
  const { verifier, untrusted } = verifierOf(known, { host, port, file: files[0] ?? '', context });
  const config: ConnectConfig = {
    username: user,
    ...ways,
    ...(password !== undefined && { password, tryKeyboard: true }),
    hostVerifier: verifier,
    algorithms: {
      serverHostKey: hostKeyAlgorithms(known) as NonNullable<ConnectConfig['algorithms']>['serverHostKey'] &
        [],
    },
  };
  return { config, untrusted };
}

/** The key is parsed here: what ssh2 says of a wrong one names no option. */
async function keyOf(
  { key, passphrase: ref }: SftpOptions,
  context: DeviceContext,
  secrets: Set<string>,
): Promise<Pick<ConnectConfig, 'privateKey' | 'passphrase'>> {
  if (!key) return {};
  const path = context.resolvePath(key.file);
  const privateKey = await readFile(path).catch((cause: unknown) => {
    throw mistake(`key: ${path} cannot be read: check its name and its rights`, context, cause);
  });
  const passphrase = ref === undefined ? undefined : context.secret(ref);
  if (passphrase !== undefined) secrets.add(passphrase);
  const parsed = ssh2.utils.parseKey(privateKey, passphrase);
  if (parsed instanceof Error) throw mistake(`key: ${path} ${keyTrouble(parsed.message)}`, context);
  if (![parsed].flat().some(each => each.isPrivateKey()))
    throw mistake(`key: ${path} is a public key: name the private one, without .pub`, context);
  return { privateKey, ...(passphrase !== undefined && { passphrase }) };
}

function keyTrouble(said: string): string {
  if (/no passphrase given/i.test(said)) return 'is encrypted: set passphrase';
  if (/bad passphrase|bad decrypt|integrity check/i.test(said))
    return 'is not opened by that passphrase: correct it';
  return 'is not a private key that can be read: make one with ssh-keygen -t ed25519';
}

function agentOf({ agent }: SftpOptions, context: DeviceContext): Pick<ConnectConfig, 'agent'> {
  if (agent === false) return {};
  const socket = agent === true ? context.env['SSH_AUTH_SOCK'] : context.resolvePath(agent);
  if (socket) return { agent: socket };
  throw mistake('agent: SSH_AUTH_SOCK is not set: start ssh-agent, or name its socket', context);
}

async function readKnownHosts(
  { host, port, known_hosts: named }: SftpOptions,
  context: DeviceContext,
): Promise<{ known: KnownKey[]; files: string[] }> {
  const home = context.env['HOME'];
  const own = home ? [join(home, '.ssh', 'known_hosts')] : [];
  const files = named === undefined ? [...own, SYSTEM_KNOWN_HOSTS] : [context.resolvePath(named)];
  const texts = await Promise.all(files.map(file => readKnown(file, context)));
  return { known: texts.flatMap(text => keysOf(text, hostEntry(host, port))), files };
}

/** A file that does not exist yet knows no server. */
async function readKnown(file: string, context: DeviceContext): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return '';
    throw mistake(`known_hosts: ${file} cannot be read: check its rights`, context, cause);
  }
}

interface Peer {
  readonly host: string;
  readonly port: number;
  readonly file: string;
  readonly context: DeviceContext;
}

function verifierOf(
  known: readonly KnownKey[],
  peer: Peer,
): { verifier: (key: Buffer) => boolean; untrusted: Login['untrusted'] } {
  let error: FileSyncError | undefined;
  const verifier = (key: Buffer): boolean => {
    const verdict = verdictOn(key, known);
    error = verdict === 'known' ? undefined : untrustedError(verdict, key, peer);
    return error === undefined;
  };
  return { verifier, untrusted: () => error };
}

function untrustedError(
  verdict: Exclude<Verdict, 'known'>,
  key: Buffer,
  { host, port, file, context }: Peer,
): FileSyncError {
  const fingerprint = fingerprintOf(key);
  const line = lineFor(hostEntry(host, port), key);
  const words = {
    unknown: `${host} is not in ${file}: if ${fingerprint} is the fingerprint of its key (ask its owner), add the line ${line}`,
    changed: `${host} presents another key than ${file} has, it may be another server: if ${fingerprint} is its new one (ask its owner), put the line ${line} in the place of the old one`,
    revoked: `${host} presents the key ${fingerprint}, which ${file} marks as @revoked: give the server a new key`,
  };
  return new FileSyncError('denied', words[verdict], { device: context.name });
}

function mistake(message: string, { name: device }: DeviceContext, cause?: unknown): FileSyncError {
  return new FileSyncError('config', message, { device, cause, temporary: true });
}
