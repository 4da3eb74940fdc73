import { execFile } from 'node:child_process';
import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ftp } from '../src/devices/ftp.js';
import type { Outgoing } from '../src/ports.js';
import { Place } from '../test/e2e/program.js';
import { makeTarget } from '../test/servers/device.js';
import { ftpOptions } from '../test/servers/ftp-bench.js';
import { startServer, type FtpServer } from '../test/servers/ftp-servers.js';
import { Events, never } from '../test/servers/outgoing.js';
import { findProgram } from '../test/servers/program.js';
import { growthOf } from './memory.js';
import type { Row } from './run.js';
import { median, rowsOf, sendingOf, timed, type Pair } from './support/pairs.js';

const LARGE = 500_000_000;
const SMALL = 4096;
const COUNT = Number(process.env['FILESYNC_BENCH_FILES'] ?? 10_000);
const PER_FOLDER = 100;
const ROUNDS = 3;

/** One large file against `curl -T`, many small ones through the whole program against `lftp mirror -R`; on vsftpd. */
export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  await Place.with(async place => {
    const server = await startServer('vsftpd');
    place.use({ close: () => server.stop() });
    rows.push(...(await largeFile(place, server)), ...(await smallFiles(place, server)));
  });
  return rows;
}

async function largeFile(place: Place, server: FtpServer): Promise<Row[]> {
  await mkdir(place.path('large'));
  await using file = await open(place.path('large/big.bin'), 'w');
  await file.truncate(LARGE);
  const sending = await sendingOf(place.path('large'), 'big.bin', LARGE);
  const pairs: Pair[] = [];
  for (let round = 0; round < ROUNDS + 2; round++) {
    const ours = await timed(() => upload(server, sending));
    const theirs = await timed(() => curl(server, place.path('large/big.bin')));
    await clear(server);
    pairs.push({ ours, theirs });
  }
  const speed = (seconds: number) => `${(LARGE / 1e6 / seconds).toFixed(0)} MB/s`;
  return rowsOf(`upload of ${LARGE / 1e6} MB`, 'curl -T', 0.9, pairs, speed);
}

async function upload(server: FtpServer, file: Outgoing): Promise<void> {
  const target = await makeTarget(ftp, ftpOptions(server));
  await target.write(file, 'ours.bin', 0, never, new Events());
  await target.close();
}

async function curl({ port, user, password, root }: FtpServer, file: string): Promise<void> {
  const url = `ftp://127.0.0.1:${port}/${root}/theirs.bin`;
  await run('curl', 'usr/bin/curl', ['-sS', '-T', file, '--user', `${user}:${password}`, url]);
}

async function smallFiles(place: Place, server: FtpServer): Promise<Row[]> {
  await fill(place.path('inbox'));
  const pairs: Pair[] = [];
  const growths: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const ours = await timed(async () => void growths.push(await sync(place, server)));
    await expectFiles(server);
    await clear(server);
    const theirs = await timed(() => mirror(server, place.path('inbox')));
    await expectFiles(server);
    await clear(server);
    pairs.push({ ours, theirs });
  }
  const speed = (seconds: number) => `${(COUNT / seconds).toFixed(0)} files/s`;
  const what = `${COUNT.toLocaleString('en')} files of ${SMALL} B, directory -> ftp, filesync sync`;
  const growth = median(growths);
  return [
    ...rowsOf(what, 'lftp mirror -R', 0.5, pairs, speed),
    {
      what: 'RSS growth meanwhile',
      result: `${growth.toFixed(0)} MB`,
      limit: '< 100 MB',
      met: growth < 100,
    },
  ];
}

async function fill(inbox: string): Promise<void> {
  for (let index = 0; index < COUNT; index++) {
    const path = join(inbox, `sess${Math.floor(index / PER_FOLDER)}`, `log${index}.ulg`);
    if (index % PER_FOLDER === 0) await mkdir(dirname(path), { recursive: true });
    await writeFile(path, Buffer.alloc(SMALL, index.toString()));
  }
}

/** Runs the whole program with an empty database, and returns the growth of its memory in MB. */
async function sync(place: Place, server: FtpServer): Promise<number> {
  await rm(place.path('data'), { recursive: true, force: true });
  const { password, ...rest } = ftpOptions(server);
  const config = await place.configure({
    devices: {
      inbox: { type: 'directory', path: './inbox' },
      archive: { type: 'ftp', ...rest, password: { env: 'P' } },
    },
    rules: [{ from: 'inbox', to: ['archive'], settle: 0 }],
  });
  const program = place.start(['sync', '-c', config], { P: String(password) });
  const growth = await growthOf(program);
  const { code, stderr } = await program.ended;
  if (code !== 0) throw new Error(`sync ended with ${code}: ${stderr}`);
  return growth;
}

async function mirror({ port, user, password, root }: FtpServer, folder: string): Promise<void> {
  const commands = `open -u '${user}','${password}' ftp://127.0.0.1:${port}; mirror -R '${folder}' '${root}/inbox'`;
  await run('lftp', 'usr/bin/lftp', ['--norc', '-c', commands]);
}

async function run(packageName: string, path: string, args: readonly string[]): Promise<void> {
  const program = await findProgram(packageName, path);
  await promisify(execFile)(program.path, args, { env: { ...program.env, HOME: '/nonexistent' } });
}

async function expectFiles({ folder }: FtpServer): Promise<void> {
  const entries = await readdir(folder, { recursive: true });
  const files = entries.filter(name => /^log\d+\.ulg$/.test(basename(name)));
  if (files.length !== COUNT) throw new Error(`${files.length} of ${COUNT} files arrived`);
}

async function clear({ folder }: FtpServer): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
}
