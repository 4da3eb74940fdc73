import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Daemon, findProgram, runProgram, type Program } from './program.js';
import { freePort, HOST, makePremises, serve, type Premises } from './served.js';
import type { S3Server } from './s3-servers.js';

/** Why tests on Ceph are left out; empty if they are not. */
export const CEPH_SKIPPED =
  process.env['FILESYNC_TEST_CEPH'] === '1'
    ? ''
    : ' (runs only with FILESYNC_TEST_CEPH=1, after bash test/servers/install.sh test/servers/packages-ceph.txt)';

/** ms. */
export const CEPH_START_MS = 120_000;

const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
const [ACCESS_KEY, SECRET_KEY] = ['testkey', 'testsecret'];

/** Ceph RADOS Gateway on one monitor and one object store in memory. `kill` and `restart` mean the gateway alone. */
export async function startCeph(): Promise<S3Server> {
  const premises = await makePremises({ tls: false }, ['mon', 'osd', 'rgw', 'crash']);
  const { home, port } = premises;
  const programs = await unpackedPrograms();
  const conf = join(home, 'ceph.conf');
  const [cluster, store] = [randomUUID(), randomUUID()];
  const monitor = `v1:${HOST}:${await freePort()}`;
  await writeFile(conf, settingsOf(programs, premises, { cluster, monitor }));
  await writeFile(join(home, 'keyring'), '');
  const program = (path: string): Program => ({ ...programs, path: join(programs.home, 'usr/bin', path) });
  const map = join(home, 'monmap');
  await runProgram(program('monmaptool'), [
    '--create',
    '--addv',
    'a',
    `[${monitor}]`,
    '--fsid',
    cluster,
    map,
  ]);
  await runProgram(program('ceph-mon'), ['-i', 'a', '--mkfs', '--monmap', map, '-c', conf]);
  const mon = new Daemon(program('ceph-mon'), ['-i', 'a', '-f', '-c', conf]);
  await runProgram(python(programs), [program('ceph').path, '-c', conf, 'osd', 'new', store]);
  const osdArgs = ['-i', '0', '--monmap', map, '-c', conf];
  await runProgram(program('ceph-osd'), [...osdArgs, '--mkfs', '--osd-uuid', store]);
  const osd = new Daemon(program('ceph-osd'), [...osdArgs, '-f']);
  const gateway = await serve(program('radosgw'), ['-n', 'client.rgw', '-f', '-c', conf], premises);
  const keys = ['--access-key', ACCESS_KEY, '--secret-key', SECRET_KEY];
  const user = ['user', 'create', '--uid=test', '--display-name=test', ...keys];
  await runProgram(program('radosgw-admin'), ['-n', 'client.rgw', '-c', conf, ...user]);
  return {
    ...gateway,
    ...{ host: HOST, port, url: `http://${HOST}:${port}`, home },
    ...{ accessKey: ACCESS_KEY, secretKey: SECRET_KEY },
    stop: async () => {
      await gateway.kill();
      await osd.kill();
      await mon.kill();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Some of Ceph's libraries are in a folder of their own. */
async function unpackedPrograms(): Promise<Program> {
  const found = await findProgram('radosgw', '');
  const libraries = `${found.env['LD_LIBRARY_PATH']}:${join(found.home, LIBRARIES, 'ceph')}`;
  return { ...found, env: { ...found.env, LD_LIBRARY_PATH: libraries } };
}

/** `ceph` is a script. */
const python = ({ home, env }: Program): Program => ({
  home,
  path: '/usr/bin/python3',
  env: { ...env, PYTHONPATH: join(home, 'usr/lib/python3/dist-packages') },
});

interface Names {
  readonly cluster: string;
  /** Its address. */
  readonly monitor: string;
}

function settingsOf(
  { home: unpacked }: Program,
  { home, port }: Premises,
  { cluster, monitor }: Names,
): string {
  const libraries = join(unpacked, LIBRARIES);
  const global = {
    fsid: cluster,
    'mon host': monitor,
    'ms bind msgr2': 'false',
    'auth cluster required': 'none',
    'auth service required': 'none',
    'auth client required': 'none',
    'public addr': HOST,
    'osd pool default size': 1,
    'osd pool default min size': 1,
    'osd pool default pg num': 1,
    'osd pool default pgp num': 1,
    'osd pool default pg autoscale mode': 'off',
    'osd crush chooseleaf type': 0,
    'osd objectstore': 'memstore',
    'memstore device bytes': 8 * 1024 ** 3,
    'osd class load list': '*',
    'osd class default list': '*',
    'mon allow pool size one': 'true',
    'paxos propose interval': 0.05,
    'paxos min wait': 0.01,
    'plugin dir': join(libraries, 'ceph'),
    'erasure code dir': join(libraries, 'ceph/erasure-code'),
    'osd class dir': join(libraries, 'rados-classes'),
    'run dir': home,
    'admin socket': join(home, '$name.$pid.asok'),
    'log file': join(home, '$name.log'),
    'mon cluster log file': join(home, 'cluster.log'),
    'mon data': join(home, 'mon'),
    'osd data': join(home, 'osd'),
    'pid file': join(home, '$name.pid'),
    keyring: join(home, 'keyring'),
    'crash dir': join(home, 'crash'),
  };
  const gateway = {
    // Without logins the gateway would ask the monitor for ever otherwise.
    'ms mon client mode': 'crc',
    'rgw data': join(home, 'rgw'),
    'rgw frontends': `beast endpoint=${HOST}:${port}`,
    'rgw multipart min part size': 1,
    'rgw thread pool size': 64,
  };
  const lines = (values: object) => Object.entries(values).map(([name, value]) => `${name} = ${value}`);
  return ['[global]', ...lines(global), '[client.rgw]', ...lines(gateway), ''].join('\n');
}
