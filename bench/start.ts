import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startSim } from '../src/sim/sim.js';
import { systemClock } from '../src/system/clock.js';
import { Place } from '../test/e2e/program.js';
import { RecordingLogger } from '../test/fakes/recording-logger.js';
import { startServer } from '../test/servers/ftp-servers.js';
import type { Row } from './run.js';
import { idleRows } from './support/process.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAIN = join(ROOT, 'dist/main.js');
/** Runs of each command, in turns; the shortest counts: other work on the machine only ever slows. */
const ROUNDS = 10;
const MAX_START_RATIO = 2.5;
const MAX_QUERY_RATIO = 4;
const MAX_RSS_MB = 65;
const MAX_CPU_SHARE = 0.003;
const MAX_INSTALL_MB = 40;

/** What every command costs before it does anything, and what a daemon costs that has nothing to do. */
export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  await Place.with(async place => {
    const config = await place.configure({
      devices: {
        inbox: { type: 'directory', path: './inbox' },
        archive: { type: 'ftp', host: '127.0.0.1' },
      },
      rules: [{ from: 'inbox', to: ['archive'] }],
    });
    rows.push(...commands(config));
  });
  rows.push(...(await idle()), await install());
  return rows;
}

function commands(config: string): Row[] {
  const wanted: readonly (readonly [string, readonly string[], number])[] = [
    ['--version', ['--version'], MAX_START_RATIO],
    ['--help', ['--help'], MAX_START_RATIO],
    ['status', ['status', '-c', config], MAX_QUERY_RATIO],
    ['files', ['files', '-c', config], MAX_QUERY_RATIO],
  ];
  const shortest = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    take(shortest, 'node', ['-e', '0']);
    for (const [name, args] of wanted) take(shortest, name, [MAIN, ...args]);
  }
  const base = shortest.get('node') ?? NaN;
  return wanted.map(([name, , limit]) => {
    const ms = shortest.get(name) ?? NaN;
    return {
      what: `filesync ${name}, against \`node -e 0\` (${base.toFixed(0)} ms)`,
      result: `${(ms / base).toFixed(2)} x (${ms.toFixed(0)} ms)`,
      limit: `<= ${limit} x`,
      met: ms / base <= limit,
    };
  });
}

function take(shortest: Map<string, number>, name: string, args: readonly string[]): void {
  const begun = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
  shortest.set(name, Math.min(shortest.get(name) ?? Infinity, performance.now() - begun));
}

/** A daemon with an autopilot and an FTP target. */
async function idle(): Promise<Row[]> {
  let rows: Row[] = [];
  await Place.with(async place => {
    await mkdir(place.path('card/log'), { recursive: true });
    const sim = await startSim({
      folder: place.path('card'),
      like: 'px4',
      clock: systemClock,
      logger: new RecordingLogger(),
      listen: { host: '127.0.0.1', port: 0 },
      to: { host: '127.0.0.1', port: 14777 },
    });
    place.use({ close: () => sim.close() });
    const ftp = await startServer('vsftpd');
    place.use({ close: () => ftp.stop() });
    const { port, user, root, password } = ftp;
    const config = await place.configure({
      devices: {
        autopilot: { type: 'mavlink', url: 'udp://127.0.0.1:14777@', root: '/log' },
        archive: { type: 'ftp', host: '127.0.0.1', port, user, root, password: { env: 'P' } },
      },
      rules: [{ from: 'autopilot', to: ['archive'] }],
    });
    const program = place.start(['run', '-c', config], { P: password });
    await program.says(/autopilot: available/);
    const limits = { maxCpu: MAX_CPU_SHARE, maxRss: MAX_RSS_MB };
    rows = await idleRows('idle daemon, autopilot and FTP target', program.child.pid ?? 0, limits);
  });
  return rows;
}

/** What lies on a disk where the program is installed without its optional packages. */
async function install(): Promise<Row> {
  let size = NaN;
  await Place.with(async place => {
    for (const name of ['package.json', 'package-lock.json', '.npmrc', 'dist'])
      await cp(join(ROOT, name), place.path(name), { recursive: true });
    const args = ['ci', '--omit=dev', '--omit=optional', '--ignore-scripts'];
    await promisify(execFile)('npm', args, { cwd: place.folder });
    size = (await bytesBelow(place.path('dist'))) + (await bytesBelow(place.path('node_modules')));
  });
  const mb = size / 1e6;
  return {
    what: 'production install without optional packages',
    result: `${mb.toFixed(1)} MB`,
    limit: `<= ${MAX_INSTALL_MB} MB`,
    met: mb <= MAX_INSTALL_MB,
  };
}

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter(entry => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => stat(join(parentPath, name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}
