import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram, runProgram, type Program } from './program.js';
import { greets, HOST, makePremises, serve, type Premises, type Served } from './served.js';

export type ServerKind = 'vsftpd' | 'proftpd' | 'pure-ftpd';

/** A real server on the loopback address, with one user and a folder of its own. */
export interface FtpServer extends Served {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The served folder. */
  readonly folder: string;
  /** The path of that folder for clients. */
  readonly root: string;
  /** The authority that signed its certificate, if it was started with TLS. */
  readonly ca?: string;
}

/** From which a server's configuration is made. */
interface Plan extends Premises {
  readonly user: string;
  readonly password: string;
  readonly settings: Settings;
}

/** More settings: names and values as in the server's configuration (pure-ftpd: its long options). */
export type Settings = Readonly<Record<string, string | number>>;

interface Recipe {
  readonly packageName: string;
  readonly path: string;
  readonly user: string;
  /** The path of the served folder for clients; default `/`. */
  root?(folder: string): string;
  /** Writes the configuration and returns the arguments. */
  configure(plan: Plan, program: Program): Promise<string[]>;
}

const PASSWORD = 'correct horse';

const RECIPES: Readonly<Record<ServerKind, Recipe>> = {
  /**
   * Without local accounts and without PAM, which would need a file in /etc: the anonymous user logs in with a password
   * from a list.
   */
  vsftpd: {
    packageName: 'vsftpd',
    path: 'usr/sbin/vsftpd',
    user: 'anonymous',
    root: folder => folder,
    configure: async plan => {
      await mkdir(join(plan.home, 'empty'));
      await writeFile(join(plan.home, 'passwords'), `${plan.password}\n`);
      await writeFile(
        join(plan.home, 'vsftpd.conf'),
        settings({ ...vsftpdSettings(plan), ...plan.settings }, '='),
      );
      return [join(plan.home, 'vsftpd.conf')];
    },
  },
  proftpd: {
    packageName: 'proftpd-core',
    path: 'usr/sbin/proftpd',
    user: 'pilot',
    configure: async (plan, program) => {
      const { uid, gid } = userInfo();
      const account = [plan.user, await hashed(plan.password), uid, gid, '', plan.folder, '/bin/sh'];
      await writeFile(join(plan.home, 'accounts'), `${account.join(':')}\n`, { mode: 0o600 });
      await writeFile(
        join(plan.home, 'proftpd.conf'),
        settings({ ...proftpdSettings(plan, program), ...plan.settings }, ' '),
      );
      return ['--nodaemon', '--config', join(plan.home, 'proftpd.conf')];
    },
  },
  'pure-ftpd': {
    packageName: 'pure-ftpd',
    path: 'usr/sbin/pure-ftpd',
    user: 'pilot',
    configure: async (plan, program) => {
      const at = (name: string): string => join(plan.home, name);
      const account = [plan.user, await hashed(plan.password), NOBODY, NOBODY, '', `${plan.folder}/./`];
      await writeFile(at('accounts'), `${account.join(':')}${':'.repeat(12)}\n`, { mode: 0o600 });
      const compiler = { ...program, path: join(program.home, 'usr/bin/pure-pw') };
      await runProgram(compiler, ['mkdb', at('accounts.pdb'), '-f', at('accounts')]);
      const tls = plan.certificates ? ['--tls', '2', '--certfile', plan.certificates.both] : [];
      const login = ['--login', `puredb:${at('accounts.pdb')}`, '--noanonymous', '--minuid', '1'];
      const more = Object.entries(plan.settings).map(([name, value]) => `--${name}=${value}`);
      const base = ['--bind', `${HOST},${plan.port}`, '--dontresolve', '--pidfile', at('pid')];
      return [...base, ...login, ...tls, ...more];
    },
  },
};

/** pure-ftpd refuses the login of root and of users with a lower id than --minuid. */
const NOBODY = 65534;

function vsftpdSettings({ home, folder, port, certificates }: Plan): Record<string, string | number> {
  return {
    listen: 'YES',
    listen_address: HOST,
    listen_port: port,
    background: 'NO',
    run_as_launching_user: 'YES',
    ftp_username: userInfo().username,
    secure_chroot_dir: join(home, 'empty'),
    seccomp_sandbox: 'NO',
    local_enable: 'NO',
    anonymous_enable: 'YES',
    anon_root: folder,
    anon_umask: '022',
    anon_upload_enable: 'YES',
    anon_mkdir_write_enable: 'YES',
    anon_other_write_enable: 'YES',
    anon_world_readable_only: 'NO',
    write_enable: 'YES',
    allow_writeable_chroot: 'YES',
    secure_email_list_enable: 'YES',
    email_password_file: join(home, 'passwords'),
    ...(certificates && {
      ssl_enable: 'YES',
      allow_anon_ssl: 'YES',
      force_anon_logins_ssl: 'YES',
      force_anon_data_ssl: 'YES',
      rsa_cert_file: certificates.certificate,
      rsa_private_key_file: certificates.key,
      ssl_ciphers: 'HIGH',
    }),
  };
}

export function proftpdSettings(
  plan: Omit<Plan, 'settings'>,
  { home }: Program,
): Record<string, string | number> {
  const { certificates } = plan;
  const { username } = userInfo();
  const at = (name: string): string => join(plan.home, name);
  return {
    ModulePath: join(home, 'usr/lib/proftpd'),
    'LoadModule mod_digest.c': '',
    'LoadModule mod_tls.c': '',
    ServerType: 'standalone',
    ServerName: 'test',
    DefaultAddress: HOST,
    SocketBindTight: 'on',
    Port: plan.port,
    UseIPv6: 'off',
    UseReverseDNS: 'off',
    User: username,
    RootLogin: 'on',
    RequireValidShell: 'off',
    AuthOrder: 'mod_auth_file.c',
    AuthUserFile: at('accounts'),
    PidFile: at('pid'),
    ScoreboardFile: at('scoreboard'),
    DelayEngine: 'off',
    WtmpLog: 'off',
    SystemLog: at('log'),
    TransferLog: 'none',
    AllowStoreRestart: 'on',
    AllowOverwrite: 'on',
    DefaultRoot: '~',
    ...(certificates && {
      TLSEngine: 'on',
      TLSRequired: 'on',
      TLSRSACertificateFile: certificates.certificate,
      TLSRSACertificateKeyFile: certificates.key,
      TLSLog: at('tls.log'),
    }),
  };
}

export const settings = (values: Readonly<Record<string, string | number>>, sign: string): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}${sign}${value}\n`)
    .join('');

/** In the format of crypt(3). */
export async function hashed(password: string): Promise<string> {
  const openssl = await findProgram('openssl', 'usr/bin/openssl');
  return (await runProgram(openssl, ['passwd', '-5', password])).trim();
}

export interface ServerOptions {
  readonly tls?: boolean;
  readonly settings?: Settings;
  /** Environment variables of the server. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a server. Throws with a remedy if the program is missing, and with its output if it does not start. */
export async function startServer(
  kind: ServerKind,
  { tls = false, settings = {}, env = {} }: ServerOptions = {},
): Promise<FtpServer> {
  const recipe = RECIPES[kind];
  const found = await findProgram(recipe.packageName, recipe.path);
  const program = { ...found, env: { ...found.env, ...env } };
  const plan = { ...(await makePremises({ tls })), user: recipe.user, password: PASSWORD, settings };
  const served = await serve(program, await recipe.configure(plan, program), plan, greets('220'));
  return {
    ...served,
    host: HOST,
    port: plan.port,
    user: plan.user,
    password: plan.password,
    folder: plan.folder,
    root: recipe.root?.(plan.folder) ?? '/',
    ...(plan.certificates && { ca: plan.certificates.ca }),
  };
}
