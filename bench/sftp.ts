import { loadavg } from 'node:os';
import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sftp } from '../src/devices/sftp.js';
import type { Outgoing } from '../src/ports.js';
import { Place } from '../test/e2e/program.js';
import { makeTarget } from '../test/servers/device.js';
import { Events, never } from '../test/servers/outgoing.js';
import { findProgram, runProgram } from '../test/servers/program.js';
import { sftpOptions } from '../test/servers/sftp-bench.js';
import { startSftpServer, type SftpServer } from '../test/servers/sftp-servers.js';
import type { Row } from './run.js';
import { rowsOf, sendingOf, timed, type Pair } from './support/pairs.js';

const LARGE = Number(process.env['FILESYNC_BENCH_BYTES'] ?? 500_000_000);
const ROUNDS = Number(process.env['FILESYNC_BENCH_ROUNDS'] ?? 5);

/** One large file to OpenSSH, login included: the device, which syncs and compares it there, against `sftp` with and without sync. */
export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  await Place.with(async place => {
    const server = await startSftpServer('openssh');
    place.use({ close: () => server.stop() });
    await mkdir(place.path('large'));
    const path = place.path('large/big.bin');
    await using file = await open(path, 'w');
    for (let at = 0; at < LARGE; at += BLOCK.length) await file.write(BLOCK.subarray(0, LARGE - at));
    const sending = await sendingOf(place.path('large'), 'big.bin', LARGE);
    rows.push(...(await rounds(place, server, sending)));
  });
  return [...rows, { what: 'load of the machine at the end', result: loadavg()[0]?.toFixed(1) ?? '' }];
}

const BLOCK = Buffer.alloc(1_000_000, 'filesync');

async function rounds(place: Place, server: SftpServer, sending: Outgoing): Promise<Row[]> {
  const [plain, synced]: [Pair[], Pair[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const ours = await timed(() => upload(server, sending));
    plain.push({ ours, theirs: await timed(() => put(place, server, '')) });
    synced.push({ ours, theirs: await timed(() => put(place, server, '-f')) });
    for (const name of await readdir(server.folder)) await rm(join(server.folder, name), { recursive: true });
  }
  const what = `upload of ${LARGE / 1e6} MB`;
  const speed = (seconds: number) => `${(LARGE / 1e6 / seconds).toFixed(0)} MB/s`;
  return [
    ...rowsOf(what, 'sftp', 0.8, plain, speed),
    ...rowsOf(what, 'sftp with fsync', 0.8, synced, speed).slice(1),
  ];
}

async function upload(server: SftpServer, file: Outgoing): Promise<void> {
  const target = await makeTarget(sftp, sftpOptions(server));
  await target.write(file, 'ours.bin', 0, never, new Events());
  await target.close();
}

/** @param flag `-f`: syncs the file there */
async function put(place: Place, server: SftpServer, flag: string): Promise<void> {
  const { host, port, user, key, knownHosts, root } = server;
  const batch = place.path('batch');
  await writeFile(batch, `put ${flag} ${place.path('large/big.bin')} ${root}/theirs${flag}.bin\n`);
  const program = await findProgram('openssh-server', 'usr/bin/sftp');
  const ssh = join(program.home, 'usr/bin/ssh');
  const known = ['-o', `UserKnownHostsFile=${knownHosts}`, '-o', 'IdentitiesOnly=yes'];
  const login = ['-F', '/dev/null', '-i', key, '-P', String(port), ...known];
  await runProgram(program, ['-S', ssh, '-q', '-b', batch, ...login, `${user}@${host}`]);
}
