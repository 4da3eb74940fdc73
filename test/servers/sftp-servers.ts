import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { hashed, proftpdSettings, settings, type Settings } from './ftp-servers.js';
import { findProgram, runProgram, type Program } from './program.js';
import { greets, HOST, makePremises, serve, type Premises, type Served } from './served.js';

export type SftpServerKind = 'openssh' | 'proftpd';

/** A real SFTP server on the loopback address, with one user and a folder of its own. */
export interface SftpServer extends Served {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** OpenSSH takes it only if the tests run as root. */
  readonly password: string;
  /** A private key that it accepts. */
  readonly key: string;
  /** A file with its host key. */
  readonly knownHosts: string;
  /** Private files of the test. */
  readonly home: string;
  /** The served folder. */
  readonly folder: string;
  /** The path of that folder for clients. */
  readonly root: string;
}

export interface SftpServerOptions {
  /** More settings: names and values as in the server's configuration. */
  readonly settings?: Settings;
  /** File systems in the served folder that only the server sees: `full` has 256 KiB, `locked` is read-only. Needs root. */
  readonly disks?: boolean;
  /** Types of host keys; default ed25519. */
  readonly hostKeys?: readonly ('ed25519' | 'rsa' | 'ecdsa')[];
}

export const isRoot = userInfo().uid === 0;

const PASSWORD = 'correct horse';
/** Of OpenSSH's user, where root can be no other: root may write everywhere. */
const PILOT = 12_345;

interface Plan extends Premises {
  readonly options: SftpServerOptions;
  readonly hostKeys: readonly string[];
}

export async function startSftpServer(
  kind: SftpServerKind,
  options: SftpServerOptions = {},
): Promise<SftpServer> {
  const premises = await makePremises({ tls: false });
  const { home, folder, port } = premises;
  const at = (name: string): string => join(home, name);
  await makeKey(at('key'), 'ed25519');
  const types = options.hostKeys ?? ['ed25519'];
  const hostKeys = types.map(type => at(`host_${type}`));
  for (const type of types) await makeKey(at(`host_${type}`), type);
  await writeFile(at('known_hosts'), await knownHosts(hostKeys, port));
  const plan = { ...premises, options, hostKeys };
  const { served, user, root } = kind === 'openssh' ? await startOpenSsh(plan) : await startProftpd(plan);
  return {
    ...served,
    host: HOST,
    port,
    user,
    password: PASSWORD,
    key: at('key'),
    knownHosts: at('known_hosts'),
    home,
    folder,
    root,
  };
}

/** Makes a pair of keys, as ssh-keygen does. */
export async function makeKey(
  file: string,
  type: string,
  passphrase = '',
  more: string[] = [],
): Promise<void> {
  const keygen = await findProgram('openssh-server', 'usr/bin/ssh-keygen');
  await runProgram(keygen, ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-f', file, ...more]);
}

/** The lines of known_hosts for a server with these keys. */
export async function knownHosts(keys: readonly string[], port: number): Promise<string> {
  const lines = await Promise.all(keys.map(key => readFile(`${key}.pub`, 'utf8')));
  return lines.map(line => `[${HOST}]:${port} ${line}`).join('');
}

/** As `sshd` for a system: as root it wants a user and folders of its own, which it gets without a change to this machine. */
async function startOpenSsh(plan: Plan): Promise<{ served: Served; user: string; root: string }> {
  const { home, folder, port, options, hostKeys } = plan;
  const sshd = await findProgram('openssh-server', 'usr/sbin/sshd');
  const at = (name: string): string => join(home, name);
  await copyFile(at('key.pub'), at('authorized_keys'));
  await chmod(at('authorized_keys'), 0o644);
  const config = {
    Port: port,
    ListenAddress: HOST,
    PidFile: 'none',
    UsePAM: 'no',
    UseDNS: 'no',
    StrictModes: 'no',
    AuthorizedKeysFile: at('authorized_keys'),
    PasswordAuthentication: isRoot ? 'yes' : 'no',
    MaxStartups: '100',
    MaxAuthTries: '20',
    'Subsystem sftp': 'internal-sftp',
    ...options.settings,
  };
  const keys = hostKeys.map(key => `HostKey ${key}\n`).join('');
  await writeFile(at('sshd_config'), keys + settings(config, ' '));
  const args = ['-D', '-e', '-f', at('sshd_config')];
  if (!isRoot) {
    const served = await serve(sshd, args, plan, greets('SSH-'));
    return { served, user: userInfo().username, root: folder };
  }
  await writeAccounts(home, folder);
  await writeFile(at('start.sh'), startScript(sshd, args, { home, folder, disks: options.disks ?? false }));
  const unshare: Program = { ...sshd, path: '/usr/bin/unshare' };
  const apart = ['--mount', '--pid', '--fork', '--kill-child', 'sh', at('start.sh')];
  return { served: await serve(unshare, apart, plan, greets('SSH-')), user: 'pilot', root: folder };
}

async function writeAccounts(home: string, folder: string): Promise<void> {
  const users = ['root:x:0:0::/root:/bin/sh', 'sshd:x:101:101::/run/sshd:/bin/false'];
  const pilot = `pilot:x:${PILOT}:${PILOT}::${folder}:/bin/sh`;
  await writeFile(join(home, 'passwd'), `${[...users, pilot].join('\n')}\n`);
  const shadow = `root:*:1::::::\nsshd:*:1::::::\npilot:${await hashed(PASSWORD)}:1::::::\n`;
  await writeFile(join(home, 'shadow'), shadow, { mode: 0o600 });
}

function startScript(
  { path }: Program,
  args: readonly string[],
  { home, folder, disks }: { home: string; folder: string; disks: boolean },
): string {
  const lines = [
    'set -e',
    'mount -t tmpfs tmpfs /run',
    'mkdir /run/sshd',
    `mount --bind ${home}/passwd /etc/passwd`,
    `mount --bind ${home}/shadow /etc/shadow`,
  ];
  const mounts = disks
    ? [
        `mkdir -p ${folder}/full ${folder}/locked`,
        `mount -t tmpfs -o size=256k,mode=0777 tmpfs ${folder}/full`,
        `mount -t tmpfs -o ro,mode=0777 tmpfs ${folder}/locked`,
      ]
    : [];
  return `${[...lines, ...mounts, `exec ${path} ${args.join(' ')}`].join('\n')}\n`;
}

async function startProftpd(plan: Plan): Promise<{ served: Served; user: string; root: string }> {
  const { home, folder, options, hostKeys } = plan;
  const program = await findProgram('proftpd-core', 'usr/sbin/proftpd');
  const at = (name: string): string => join(home, name);
  const { uid, gid } = userInfo();
  const user = 'pilot';
  const account = [user, await hashed(PASSWORD), uid, gid, '', folder, '/bin/sh'];
  await writeFile(at('accounts'), `${account.join(':')}\n`, { mode: 0o600 });
  await mkdir(at('authorized'), { mode: 0o755 });
  await writeFile(at(`authorized/${user}`), await publicKey(at('key')));
  const config = {
    ...proftpdSettings({ ...plan, user, password: PASSWORD }, program),
    'LoadModule mod_sftp.c': '',
    SFTPEngine: 'on',
    SFTPLog: at('sftp.log'),
    SFTPAuthorizedUserKeys: `file:${at('authorized')}/%u`,
    SFTPAuthMethods: 'publickey password',
    MaxLoginAttempts: 20,
    ...options.settings,
  };
  const keys = hostKeys.map(key => `SFTPHostKey ${key}\n`).join('');
  // The modules are named before what they understand.
  await writeFile(at('proftpd.conf'), settings(config, ' ').replace('SFTPEngine', `${keys}SFTPEngine`));
  const args = ['--nodaemon', '--config', at('proftpd.conf')];
  return { served: await serve(program, args, plan, greets('SSH-')), user, root: '/' };
}

/** In the form of RFC 4716, which mod_sftp wants. */
async function publicKey(key: string): Promise<string> {
  const keygen = await findProgram('openssh-server', 'usr/bin/ssh-keygen');
  return runProgram(keygen, ['-e', '-f', `${key}.pub`]);
}
