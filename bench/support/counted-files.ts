import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Place } from '../../test/e2e/program.js';
import { findProgram, runProgram } from '../../test/servers/program.js';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
/** What makes data durable. */
const SYNCS: readonly string[] = ['fsync', 'fdatasync', 'syncfs', 'sync_file_range'];
/** The sum, and what depends on how the threads of the program take turns. */
const OTHERS: readonly string[] = [
  'total',
  'epoll_wait',
  'epoll_pwait',
  'epoll_ctl',
  'poll',
  'ppoll',
  'mmap',
];

/** What the program did. */
export interface Counts {
  /** Calls that concern files and descriptors. */
  readonly calls: number;
  readonly syncs: number;
}

const findStrace = () => findProgram('strace', 'usr/bin/strace');

/** Why no calls can be counted here; undefined if they can. */
export async function absence(): Promise<string | undefined> {
  return findStrace().then(
    strace => runProgram(strace, ['-V']).then(() => undefined),
    (error: Error) => error.message,
  );
}

/** Counts what `filesync sync` calls for so many files of 4 KB, from one folder to local storage and on to another. */
export async function countsOf(files: number): Promise<Counts> {
  return withFiles(files, async (place, config) => {
    const calls = place.path('calls');
    const { path, env: own } = await findStrace();
    // Its libraries are not those of the program that it watches.
    const strace = ['-f', '-qq', '-c', '-E', 'LD_LIBRARY_PATH', '-e', 'trace=%file,%desc', '-o', calls];
    const env = { ...own, PATH: process.env['PATH'], HOME: place.folder };
    await run(path, [...strace, process.execPath, MAIN, 'sync', '-c', config], { cwd: place.folder, env });
    if ((await arrived(place)) !== files) throw new Error('not every file has arrived');
    return counted(await readFile(calls, 'utf8'));
  });
}

/** MB of memory at the peak, of a daemon that has brought so many files there. */
export async function peakOf(files: number): Promise<number> {
  return withFiles(files, async (place, config) => {
    const program = place.start(['run', '-c', config]);
    while ((await arrived(place)) < files) {
      if (program.child.exitCode !== null) throw new Error(`ended early: ${program.stderr}`);
      await delay(100);
    }
    const status = await readFile(`/proc/${program.child.pid}/status`, 'utf8');
    await program.kill('SIGTERM');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) / 1024;
  });
}

async function arrived(place: Place): Promise<number> {
  const names = await readdir(place.path('out'), { recursive: true });
  return names.filter(name => name.endsWith('.bin')).length;
}

async function withFiles<Value>(
  files: number,
  work: (place: Place, config: string) => Promise<Value>,
): Promise<Value> {
  const place = await Place.make();
  try {
    for (const folder of ['in', 'out']) await mkdir(place.path(folder));
    for (let index = 0; index < files; index++)
      await writeFile(place.path('in', `${index}.bin`), Buffer.alloc(4096, `${index} `));
    const config = await place.configure({
      devices: { in: { type: 'directory', path: './in' }, out: { type: 'directory', path: './out' } },
      rules: [{ from: 'in', to: ['out'], settle: 0 }],
    });
    return await work(place, config);
  } finally {
    await place.close();
  }
}

/** Of a table of `strace -c`: share, seconds, us a call, calls, errors if there are any, name. */
function counted(table: string): Counts {
  const rows = table.split('\n').map(line => line.trim().split(/\s+/));
  const calls = rows.filter(words => Number(words[3]) > 0 && !OTHERS.includes(words.at(-1) ?? ''));
  const sum = (some: readonly string[][]) => some.reduce((total, words) => total + Number(words[3]), 0);
  return { calls: sum(calls), syncs: sum(calls.filter(words => SYNCS.includes(words.at(-1) ?? ''))) };
}
