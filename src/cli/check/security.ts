import { stat } from 'node:fs/promises';
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Config, DeviceConfig } from '../../config/config.js';
import { isRecord } from '../../config/introspect.js';
import { resolvePath, type Environment } from '../../config/paths.js';
import { notifySchema, type NotifyConfig } from '../../config/notify.js';
import { secretsIn, type SecretOption } from '../../config/secret-options.js';

const OTHERS_READ = 0o004;

/** What of a configuration is allowed, and lets others read secrets or files: a sentence each, with the remedy. */
export async function securityWarnings(config: Config, env: Environment): Promise<string[]> {
  const devices = [...config.devices.values()];
  const open = await Promise.all([
    ...devices.map(({ name, type, options }) =>
      openSecrets(`devices.${name}`, secretsIn(type.options, options), config, env),
    ),
    ...config.notify.map(entry => openSecrets(entry.name, secretsOf(entry), config, env)),
  ]);
  const insecurely = [
    ...devices.flatMap(plainLogin),
    ...config.notify.flatMap(plainNotice),
    ...devices.flatMap(insecure),
  ];
  return [...open.flat(), ...insecurely];
}

/** Its address is one where a file or a variable has it. */
function* secretsOf({ name: _name, ...entry }: NotifyConfig): Generator<SecretOption> {
  if (isRecord(entry.url)) yield { path: ['url'], value: entry.url };
  yield* secretsIn(notifySchema, entry);
}

/** Secrets in files that every user of the machine may read. */
async function openSecrets(
  owner: string,
  secrets: Iterable<SecretOption>,
  { file, folder }: Config,
  env: Environment,
): Promise<string[]> {
  const warnings: string[] = [];
  for (const { path, value } of secrets) {
    const named = isRecord(value) && typeof value['file'] === 'string' ? value['file'] : undefined;
    const place =
      typeof value === 'string' ? file : named === undefined ? undefined : resolvePath(folder, named, env);
    if (place === undefined || !(await isOpen(place))) continue;
    const key = [owner, ...path].join('.');
    warnings.push(`${key}: every user of this machine may read the secret in ${place}: chmod o= ${place}`);
  }
  return warnings;
}

const isOpen = (path: string): Promise<boolean> =>
  stat(path).then(
    ({ mode }) => (mode & OTHERS_READ) !== 0,
    () => false,
  );

/** A login, or a secret in a header, that travels beyond the local network without encryption. */
function plainLogin({ name, type, options }: DeviceConfig): string[] {
  const chosen = isRecord(options) ? options : {};
  if (![...secretsIn(type.options, options)].length) return [];
  const host = plainHost(type.type, chosen);
  if (host === undefined || isLocal(host)) return [];
  const remedy = type.type === 'ftp' ? 'set tls: true' : 'write https:// for http://';
  return [`devices.${name}: the secret for ${host} and all files travel unencrypted: ${remedy}`];
}

/** As `plainLogin`, of a notification. */
function plainNotice(entry: NotifyConfig): string[] {
  const host = typeof entry.url === 'string' ? plainHost('http', { url: entry.url }) : undefined;
  if (host === undefined || isLocal(host) || ![...secretsOf(entry)].length) return [];
  return [`${entry.name}: the secret for ${host} travels unencrypted: write https:// for http://`];
}

/** The host that is spoken to without encryption, if one is. */
function plainHost(type: string, options: Readonly<Record<string, unknown>>): string | undefined {
  const { host, tls, url, endpoint } = options;
  if (type === 'ftp') return tls === false && typeof host === 'string' ? host : undefined;
  const address = typeof url === 'string' ? url : endpoint;
  if (typeof address !== 'string' || !URL.canParse(address)) return undefined;
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' ? hostname.replace(/^\[(.*)\]$/, '$1') : undefined;
}

function insecure({ name, options }: DeviceConfig): string[] {
  if (!isRecord(options) || options['insecure'] !== true) return [];
  return [
    `devices.${name}.insecure: any computer on the way can pretend to be the server, and read the password and all files: ` +
      'leave insecure out, and name the certificate with tls_ca',
  ];
}

/** RFC 1918, loopback (RFC 1122), link-local (RFC 3927). */
const LOCAL_V4 = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8', '169.254.0.0/16'];
/** Link-local (RFC 4291), unique local (RFC 4193). */
const LOCAL_V6 = ['fe80::/10', 'fc00::/7'];

const LOCAL = new BlockList();
for (const family of ['ipv4', 'ipv6'] as const)
  for (const subnet of family === 'ipv4' ? LOCAL_V4 : LOCAL_V6) {
    const [network = '', bits] = subnet.split('/');
    LOCAL.addSubnet(network, Number(bits), family);
  }
LOCAL.addAddress('::1', 'ipv6');

/** Multicast DNS (RFC 6762), this machine (RFC 6761), home networks (RFC 8375), and names that no public zone can have. */
const LOCAL_NAME = /(^|\.)(local|localhost|home\.arpa)\.?$|^[a-z][a-z0-9-]*$/i;

/** Whether packets to that host stay in the local network, as far as its name or address says so. */
export function isLocal(host: string): boolean {
  const address = host.replace(/%.*$/, '');
  if (isIP(address) === 0) return LOCAL_NAME.test(host);
  return LOCAL.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
