import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram, type Program } from './program.js';
import { HOST, makePremises, serve, type Premises, type Served } from './served.js';

export type DavServerKind = 'nginx' | 'apache';

/** A real WebDAV server on the loopback address, with one user and a folder of its own. */
export interface DavServer extends Served {
  readonly kind: DavServerKind;
  /** Of the served folder, without a slash at its end. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly folder: string;
  /** The authority that signed its certificate, if it was started with TLS. */
  readonly ca?: string;
}

export interface DavServerOptions {
  readonly tls?: boolean;
  /** Only Apache supports digest. */
  readonly auth?: 'basic' | 'digest';
  /** Bytes of the largest body that the server accepts. Default: any. */
  readonly maxBody?: number;
  /** At once; only nginx. Default: 64. */
  readonly connections?: number;
  /** With TLS, only nginx: it asks for a client certificate of its own authority. */
  readonly clientCertificates?: boolean;
}

interface Plan extends Premises {
  readonly auth: 'basic' | 'digest';
  readonly maxBody: number;
  readonly connections: number;
  readonly clientCertificates: boolean;
}

interface Recipe {
  readonly packageName: string;
  readonly path: string;
  /** Writes the configuration and returns the arguments. */
  configure(plan: Plan, program: Program): Promise<string[]>;
}

const USER = 'pilot';
/** With characters that are not in Latin-1. */
const PASSWORD = 'correct horse ключ';
const REALM = 'logs';
/** Below `/`, so that the tests notice a client that uses the server's root. */
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

function nginxConfig(
  { home, folder, port, maxBody, connections, certificates, clientCertificates }: Plan,
  program: Program,
): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
${process.getuid?.() === 0 ? `user ${userInfo().username};` : ''}
load_module ${join(program.home, 'usr/lib/nginx/modules/ngx_http_dav_ext_module.so')};
daemon off;
pid ${home}/pid;
error_log stderr;
worker_processes 1;
events { worker_connections ${connections}; }
http {
  access_log off;
  ${temporary.map(name => `${name}_temp_path ${home}/${name};`).join('\n  ')}
  server {
    listen ${HOST}:${port}${certificates ? ' ssl' : ''};
    ${certificates ? `ssl_certificate ${certificates.certificate};\n    ssl_certificate_key ${certificates.key};` : ''}
    ${clientCertificates ? `ssl_client_certificate ${certificates?.ca};\n    ssl_verify_client on;` : ''}
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

/** An account in the format of mod_auth_digest or mod_auth_basic. */
function apacheAccount({ auth }: Plan): string {
  const hash = (name: string, text: string): string => createHash(name).update(text).digest('hex');
  if (auth === 'digest') return `${USER}:${REALM}:${hash('md5', `${USER}:${REALM}:${PASSWORD}`)}\n`;
  return `${USER}:{SHA}${createHash('sha1').update(PASSWORD).digest('base64')}\n`;
}

const APACHE_MODULES =
  'mpm_event authn_core authn_file authz_core authz_user auth_basic auth_digest alias mime dir setenvif dav dav_fs ssl';

function apacheConfig(plan: Plan, { home: files, env }: Program): string {
  const { home, folder, port, auth, maxBody, certificates } = plan;
  // Apache loads its database driver after it has changed the user, who may have no right to read the file.
  const [libraries = ''] = (env['LD_LIBRARY_PATH'] ?? '').split(':');
  const modules = APACHE_MODULES.split(' ').map(
    name => `LoadModule ${name}_module ${join(files, `usr/lib/apache2/modules/mod_${name}.so`)}`,
  );
  return `
LoadFile ${join(libraries, 'apr-util-1/apr_dbm_db-1.so')}
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

/** Starts a server. Throws with a remedy if the program is missing, and with its output if it does not start. */
export async function startDavServer(
  kind: DavServerKind,
  options: DavServerOptions = {},
): Promise<DavServer> {
  const recipe = RECIPES[kind];
  const program = await findProgram(recipe.packageName, recipe.path);
  const { tls = false, auth = 'basic', maxBody = 0, connections = 64 } = options;
  const { clientCertificates = false } = options;
  const plan = {
    ...(await makePremises({ tls }, ['locks', 'empty'])),
    auth,
    maxBody,
    connections,
    clientCertificates,
  };
  const served = await serve(program, await recipe.configure(plan, program), plan);
  return {
    ...served,
    kind,
    url: `http${plan.certificates ? 's' : ''}://${HOST}:${plan.port}${MOUNT}`,
    user: USER,
    password: PASSWORD,
    folder: plan.folder,
    ...(plan.certificates && { ca: plan.certificates.ca }),
  };
}
