import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Place, type Program } from '../test/e2e/program.js';
import type { Row } from './run.js';

const FILES = 10_000;
const BYTES = 4096;
const FOLDERS = 20;
/** Runs of each build, in turns, of which the best counts: other work on the machine only ever slows. */
const ROUNDS = 2;
const MOST_PUTS = 2;
const FASTER = 2;
/** Names another build's `dist/main.js`, which is measured in turns with this one. */
const BEFORE = process.env['FILESYNC_BENCH_BEFORE'];

/** Where the files go, and what the log says of each when it is there. */
interface Way {
  readonly what: string;
  readonly target: object;
  readonly done: string;
}

const WAYS: readonly Way[] = [
  {
    what: 'directory -> local',
    // No target is there, so that nothing else is done.
    target: { type: 'http', url: 'http://127.0.0.1:9/' },
    done: ': downloaded,',
  },
  {
    what: 'directory -> local -> directory',
    target: { type: 'directory', path: './out' },
    done: ': delivered to ',
  },
];

interface Run {
  /** Files a second, from the program's start to the last file's record. */
  readonly rate: number;
  /** ms of the processor's time for each file, the program's start included. */
  readonly busy: number;
  /** MB. */
  readonly peak: number;
  /** Durable changes in the database for each file. */
  readonly puts: number;
}

/** Many small files, each of which is fetched, synced and recorded by itself. */
export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  await Place.with(async place => {
    await fill(place.path('small'));
    for (const way of WAYS) rows.push(...(await rowsOf(place, way)));
  });
  return rows;
}

async function rowsOf(place: Place, way: Way): Promise<Row[]> {
  const [ours, before]: [Run[], Run[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    if (BEFORE !== undefined) before.push(await run(place, way, BEFORE));
    ours.push(await run(place, way));
  }
  const what = `${FILES} files of ${BYTES} B, ${way.what}`;
  const puts = Math.max(...ours.map(one => one.puts));
  return [
    { what, result: figures(ours) },
    ...(before.length > 0
      ? comparison(what, ours, before)
      : [{ what: '', result: 'FILESYNC_BENCH_BEFORE=…/dist/main.js names a build to compare with' }]),
    {
      what: `${what}: durable changes a file`,
      result: puts.toFixed(2),
      limit: `<= ${MOST_PUTS}`,
      met: puts <= MOST_PUTS,
    },
  ];
}

function comparison(what: string, ours: readonly Run[], before: readonly Run[]): Row[] {
  const times = best(ours) / best(before);
  return [
    { what: `${what}, the other build`, result: figures(before) },
    {
      what: `${what}: rate against the other build`,
      result: `${times.toFixed(2)} x`,
      limit: `>= ${FASTER} x`,
      met: times >= FASTER,
    },
  ];
}

const best = (runs: readonly Run[]): number => Math.max(...runs.map(({ rate }) => rate));

function figures(runs: readonly Run[]): string {
  const peak = Math.max(...runs.map(one => one.peak));
  const busy = Math.min(...runs.map(one => one.busy));
  return `${best(runs).toFixed(0)} files/s, ${busy.toFixed(2)} ms of CPU each, ${peak.toFixed(0)} MB at most`;
}

async function run(place: Place, { target, done }: Way, main?: string): Promise<Run> {
  await mkdir(place.path('out'));
  const config = place.path('small.json');
  await writeFile(config, JSON.stringify(configOf(target)));
  // What was prepared, or written before, would else go to the disk while this run is timed.
  await promisify(execFile)('sync');
  const begun = performance.now();
  const program = place.start(['run', '-c', config], {}, main);
  await said(program, done);
  const seconds = (performance.now() - begun) / 1000;
  const [busy, peak] = [await busyOf(program), await peakOf(program)];
  await program.kill('SIGTERM');
  const puts = (await changes(place.path('data'))) / FILES;
  for (const folder of ['data', 'out']) await rm(place.path(folder), { recursive: true });
  return { rate: FILES / seconds, busy, peak, puts };
}

/** Only what builds of any age understand. */
const configOf = (target: object) => ({
  ...{ local: './data/local', database: './data/filesync.json' },
  devices: { box: { type: 'directory', path: './small' }, away: target },
  rules: [{ from: 'box', to: ['away'], settle: 0 }],
});

/** Resolves when the log has said it of every file; rejects if the program ends before. */
async function said(program: Program, text: string): Promise<void> {
  let left = FILES;
  let rest = '';
  for await (const data of program.child.stderr ?? []) {
    const pieces = (rest + String(data)).split(text);
    rest = (pieces.at(-1) ?? '').slice(1 - text.length);
    left -= pieces.length - 1;
    if (left <= 0) return;
  }
  throw new Error(`ended with ${left} files left: ${program.stderr.slice(-2000)}`);
}

/** In user mode and in the kernel: proc_pid_stat(5), in hundredths of a second. */
async function busyOf({ child }: Program): Promise<number> {
  const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
  const [user, kernel] = stat
    .replace(/^.*\) /s, '')
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (((user ?? NaN) + (kernel ?? NaN)) * 10) / FILES;
}

async function peakOf({ child }: Program): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) / 1024;
}

/** How many changes of files the database has written, as its journals number them; the source's own record is none. */
async function changes(folder: string): Promise<number> {
  const journals = (await readdir(folder)).filter(name => name.includes('.journal'));
  const texts = await Promise.all(journals.map(name => readFile(join(folder, name), 'utf8')));
  const numbers = texts.flatMap(text => [...text.matchAll(/"seq":(\d+)/g)].map(([, seq]) => Number(seq)));
  return Math.max(...numbers) - 1;
}

async function fill(folder: string): Promise<void> {
  for (let index = 0; index < FILES; index++) {
    const day = join(folder, `day${index % FOLDERS}`);
    if (index < FOLDERS) await mkdir(day, { recursive: true });
    await writeFile(join(day, `${index}.bin`), randomBytes(BYTES));
  }
}
