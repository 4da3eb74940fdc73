import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Place, type Program } from '../test/e2e/program.js';
import { growthOf } from './memory.js';
import type { Row } from './run.js';

const run = promisify(execFile);

/** MB of the large file. */
const LARGE = 500;
const SMALL_FILES = 10_000;
const SMALL_BYTES = 4096;
const FOLDERS = 20;
/** Runs of each, of which the fastest counts: other work on the machine only ever slows. */
const ROUNDS = 2;
/** MB that memory may grow by while a file is copied. */
const MEMORY = 50;

/** Folder -> local with SHA-256, by the whole program (its start included), against the shell's tools on the same files. */
export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  await Place.with(async place => {
    await fillLarge(place.path('large'));
    await fillSmall(place.path('small'));
    rows.push(...(await largeRows(place)), ...(await smallRows(place)));
  });
  return rows;
}

async function largeRows(place: Place): Promise<Row[]> {
  let growth = 0;
  const [ours, theirs] = await fastest(
    async () => void (growth = Math.max(growth, (await fetched(place, 'large', 1)).growth)),
    () => shell('cp large/file.bin copy && sha256sum copy', place),
    place,
  );
  const rate = (seconds: number) => (LARGE / seconds).toFixed(0);
  return [
    ratio(
      `${LARGE} MB, ${rate(ours)} MB/s, against cp, then sha256sum (no fsync), ${rate(theirs)} MB/s`,
      theirs / ours,
      0.9,
    ),
    {
      what: 'memory growth while it is copied',
      result: `${growth.toFixed(0)} MB`,
      limit: `< ${MEMORY} MB`,
      met: growth < MEMORY,
    },
  ];
}

async function smallRows(place: Place): Promise<Row[]> {
  const ours = () => fetched(place, 'small', SMALL_FILES).then(() => undefined);
  const [program, cp] = await fastest(ours, () => shell('cp -r small copy', place), place);
  const durable = await timed(() => shell(DURABLE_COPY, place));
  const rate = (seconds: number) => `${(SMALL_FILES / seconds).toFixed(0)} files/s`;
  const what = `${SMALL_FILES} files of ${SMALL_BYTES} B, ${rate(program)}`;
  return [
    ratio(`${what}, against cp -r (no fsync), ${rate(cp)}`, cp / program, 0.5),
    ratio(`${what}, against a copy with fsync of each file, ${rate(durable)}`, durable / program),
  ];
}

/** What is as safe against a power cut as our copy is, file by file. */
const DURABLE_COPY =
  'for folder in small/*; do mkdir -p copy/$folder; for file in $folder/*; do echo $file; done; done | ' +
  "xargs -n 1 -P 4 sh -c 'dd if=$0 of=copy/$0 bs=64k conv=fsync status=none'";

const ratio = (what: string, value: number, limit?: number): Row => ({
  what,
  result: `${value.toFixed(2)}x`,
  ...(limit !== undefined && { limit: `>= ${limit}x`, met: value >= limit }),
});

/** Seconds of the fastest run of each, taken in turns. */
async function fastest(
  ours: () => Promise<void>,
  theirs: () => Promise<void>,
  place: Place,
): Promise<[number, number]> {
  const best: [number, number] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    best[0] = Math.min(best[0], await timed(ours));
    await rm(place.path('data'), { recursive: true, force: true });
    best[1] = Math.min(best[1], await timed(theirs));
    await rm(place.path('copy'), { recursive: true, force: true });
  }
  return best;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}

/** Downloads the folder; the target is away, so that nothing else is done. */
async function fetched(place: Place, folder: string, files: number): Promise<{ growth: number }> {
  const config = await place.configure({
    devices: {
      box: { type: 'directory', path: `./${folder}` },
      away: { type: 'http', url: 'http://127.0.0.1:9/' },
    },
    rules: [{ from: 'box', to: ['away'], settle: 0 }],
  });
  const program = place.start(['run', '-c', config]);
  const all = downloads(program, files).finally(() => program.kill('SIGTERM'));
  const growth = await growthOf(program);
  await all;
  return { growth };
}

/** Resolves when so many files have been downloaded; rejects if the program ends before. */
async function downloads(program: Program, files: number): Promise<void> {
  let left = files;
  let rest = '';
  for await (const data of program.child.stderr ?? []) {
    const pieces = (rest + String(data)).split(': downloaded,');
    rest = (pieces.at(-1) ?? '').slice(-12);
    left -= pieces.length - 1;
    if (left <= 0) return;
  }
  throw new Error(`ended with ${left} files left: ${program.stderr.slice(-2000)}`);
}

async function shell(command: string, place: Place): Promise<void> {
  await run('sh', ['-ec', command], { cwd: place.folder });
}

async function fillLarge(folder: string): Promise<void> {
  await mkdir(folder);
  await using file = await open(join(folder, 'file.bin'), 'w');
  for (let done = 0; done < LARGE; done++) await file.write(randomBytes(1_000_000));
}

async function fillSmall(folder: string): Promise<void> {
  for (let index = 0; index < SMALL_FILES; index++) {
    const day = join(folder, `day${index % FOLDERS}`);
    if (index < FOLDERS) await mkdir(day, { recursive: true });
    await writeFile(join(day, `${index}.bin`), randomBytes(SMALL_BYTES));
  }
}
