import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, runProgram } from './program.js';

/** Files, PEM. */
export interface Certificates {
  /** The authority's certificate, which a client has to trust. */
  readonly ca: string;
  /** The server's, for 127.0.0.1, localhost and files.test, and its key. */
  readonly certificate: string;
  readonly key: string;
  /** Key and certificate in one file. */
  readonly both: string;
}

const CONFIG = '[req]\ndistinguished_name = name\n[name]\n';

/** An authority of our own and a server certificate signed by it, valid from now on for two days. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  await mkdir(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  await writeFile(at('openssl.cnf'), CONFIG);
  await certify(folder, 'ca', [
    '-subj',
    '/CN=Test authority',
    '-addext',
    'basicConstraints=critical,CA:TRUE',
  ]);
  const names = [
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:files.test',
  ];
  await certify(folder, 'server', [...names, '-CA', at('ca.pem'), '-CAkey', at('ca.key')]);
  const pair = await Promise.all([readFile(at('server.key')), readFile(at('server.pem'))]);
  await writeFile(at('both.pem'), Buffer.concat(pair), { mode: 0o600 });
  return { ca: at('ca.pem'), certificate: at('server.pem'), key: at('server.key'), both: at('both.pem') };
}

async function certify(folder: string, name: string, more: readonly string[]): Promise<void> {
  const openssl = await findProgram('openssl', 'usr/bin/openssl');
  const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)];
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files, ...more];
  await runProgram(openssl, args, { OPENSSL_CONF: join(folder, 'openssl.cnf') });
}
