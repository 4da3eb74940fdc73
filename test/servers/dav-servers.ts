import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeCertificates, type Certificates } from './certificates.js';
import { freePort } from './ftp-servers.js';
import { Daemon, findProgram, type Program } from './program.js';

export type DavServerKind = 'nginx' | 'apache';

/** A real WebDAV server on the loopback address, with one user and a folder of its own. */
export interface DavServer {
  readonly kind: DavServerKind;
  /** Of the folder that it serves, without a slash at its end. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly folder: string;
  /** The authority that signed its certificate, if it was started with TLS. */
  readonly ca?: string;
  /** Kills it in the middle of whatever it does. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

export interface DavServerOptions {
  readonly tls?: boolean;
  /** Apache knows digest, too. */
  readonly auth?: 'basic' | 'digest';
  /** Bytes of the largest body that it takes. Default: any. */
  readonly maxBody?: number;
}

interface Plan {
  readonly home: string;
  readonly folder: string;
  readonly port: number;
  readonly auth: 'basic' | 'digest';
  readonly maxBody: number;
  readonly certificates?: Certificates;
}

interface Recipe {
  readonly packageName: string;
  readonly path: string;
  /** Writes the configuration and gives the arguments. */
  configure(plan: Plan, program: Program): Promise<string[]>;
}

const HOST = '127.0.0.1';
const USER = 'pilot';
/** Beyond Latin-1, as passwords are. */
const PASSWORD = 'correct horse ключ';
const REALM = 'logs';
/** Below `/`, so that a client cannot take the server's root for its own. */
const MOUNT = '/dav';

const RECIPES: Readonly<Record<DavServerKind, Recipe>> = {
  nginx: {
    packageName: 'nginx',
    path: 'usr/sbin/nginx',
    configure: async (plan, program) => {
      await writeFile(join(plan.home, 'accounts'), `${USER}:{PLAIN}${PASSWORD}\n`);
      await writeFile(join(plan.home, 'nginx.conf'), nginxConfig(plan, program));
      return ['-p', plan.home, '-c', join(plan.home, 'nginx.conf'), '-e', 'stderr'];
    },
  },
  apache: {
    packageName: 'apache2-bin',
    path: 'usr/sbin/apache2',
    configure: async (plan, program) => {
      await writeFile(join(plan.home, 'accounts'), apacheAccount(plan));
      await writeFile(join(plan.home, 'apache.conf'), apacheConfig(plan, program));
      await writeFile(join(plan.home, 'types'), '');
      return ['-D', 'FOREGROUND', '-d', plan.home, '-f', join(plan.home, 'apache.conf')];
    },
  },
};

function nginxConfig({ home, folder, port, maxBody, certificates }: Plan, program: Program): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
${process.getuid?.() === 0 ? `user ${userInfo().username};` : ''}
load_module ${join(program.home, 'usr/lib/nginx/modules/ngx_http_dav_ext_module.so')};
daemon off;
pid ${home}/pid;
error_log stderr;
worker_processes 1;
events { worker_connections 64; }
http {
  access_log off;
  ${temporary.map(name => `${name}_temp_path ${home}/${name};`).join('\n  ')}
  server {
    listen ${HOST}:${port}${certificates ? ' ssl' : ''};
    ${certificates ? `ssl_certificate ${certificates.certificate};\n    ssl_certificate_key ${certificates.key};` : ''}
    client_max_body_size ${maxBody};
    auth_basic "${REALM}";
    auth_basic_user_file ${home}/accounts;
    location ${MOUNT}/ {
      alias ${folder}/;
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
    }
  }
}
`;
}

/** An account as its module for digests, or that for passwords, reads it. */
function apacheAccount({ auth }: Plan): string {
  const hash = (name: string, text: string): string => createHash(name).update(text).digest('hex');
  if (auth === 'digest') return `${USER}:${REALM}:${hash('md5', `${USER}:${REALM}:${PASSWORD}`)}\n`;
  return `${USER}:{SHA}${createHash('sha1').update(PASSWORD).digest('base64')}\n`;
}

const APACHE_MODULES =
  'mpm_event authn_core authn_file authz_core authz_user auth_basic auth_digest alias mime dir setenvif dav dav_fs ssl';

function apacheConfig(plan: Plan, { home: files }: Program): string {
  const { home, folder, port, auth, maxBody, certificates } = plan;
  const modules = APACHE_MODULES.split(' ').map(
    name => `LoadModule ${name}_module ${join(files, `usr/lib/apache2/modules/mod_${name}.so`)}`,
  );
  return `
${modules.join('\n')}
Listen ${HOST}:${port}
ServerName ${HOST}
PidFile ${home}/pid
ErrorLog ${home}/log
DefaultRuntimeDir ${home}
TypesConfig ${home}/types
${process.getuid?.() === 0 ? 'User #65534\nGroup #65534' : ''}
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
EnableMMAP Off
EnableSendfile Off
${certificates ? `SSLEngine On\nSSLCertificateFile ${certificates.certificate}\nSSLCertificateKeyFile ${certificates.key}` : ''}
DavLockDB ${home}/locks/db
DocumentRoot ${home}/empty
Alias ${MOUNT} ${folder}
<Directory ${folder}>
  Dav On
  Options None
  AllowOverride None
  LimitRequestBody ${maxBody}
  AuthType ${auth}
  AuthName ${REALM}
  ${auth === 'digest' ? 'AuthDigestProvider' : 'AuthBasicProvider'} file
  AuthUserFile ${home}/accounts
  Require valid-user
</Directory>
`;
}

/** Starts a server. Throws with the cure if it is not there, and with what it says if it does not come up. */
export async function startDavServer(
  kind: DavServerKind,
  options: DavServerOptions = {},
): Promise<DavServer> {
  const recipe = RECIPES[kind];
  const program = await findProgram(recipe.packageName, recipe.path);
  const plan = await makePlan(options);
  const args = await recipe.configure(plan, program);
  let daemon = await launch(program, args, plan);
  return {
    kind,
    url: `http${plan.certificates ? 's' : ''}://${HOST}:${plan.port}${MOUNT}`,
    user: USER,
    password: PASSWORD,
    folder: plan.folder,
    ...(plan.certificates && { ca: plan.certificates.ca }),
    kill: () => daemon.kill(),
    restart: async () => {
      daemon = await launch(program, args, plan);
    },
    stop: async () => {
      await daemon.kill();
      await rm(plan.home, { recursive: true, force: true });
    },
  };
}

async function makePlan({ tls = false, auth = 'basic', maxBody = 0 }: DavServerOptions): Promise<Plan> {
  const home = await mkdtemp(join(tmpdir(), 'filesync-server-'));
  const folder = join(home, 'files');
  // Apache changes to another user.
  await chmod(home, 0o711);
  for (const name of ['files', 'locks', 'empty']) {
    await mkdir(join(home, name));
    await chmod(join(home, name), 0o777);
  }
  const certificates = tls ? await makeCertificates(join(home, 'tls')) : undefined;
  return { home, folder, port: await freePort(), auth, maxBody, ...(certificates && { certificates }) };
}

async function launch(program: Program, args: readonly string[], { port }: Plan): Promise<Daemon> {
  const daemon = new Daemon(program, args);
  while (!(await listens(port))) {
    if (daemon.ended) throw new Error(`${program.path} ended at once: ${daemon.said || 'it said nothing'}`);
    await delay(20);
  }
  return daemon;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, HOST);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
