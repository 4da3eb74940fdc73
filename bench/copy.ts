import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Place, type Program } from '../test/e2e/program.js';
import { TestDrive, whyNoDrives } from '../test/servers/drives.js';
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

/** Folder and drive -> local with SHA-256, by the whole program (its start included), against the shell's tools on the same files. */
export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  await Place.with(async place => {
    await fillLarge(place.path('large'));
    await fillSmall(place.path('small'));
    const large = await largeRows(
      place,
      'folder',
      { type: 'directory', path: './large' },
      largeCopy('large'),
    );
    rows.push(...large, ...(await driveRows(place)), ...(await smallRows(place)));
  });
  return rows;
}

const largeCopy = (folder: string): string => `cp ${folder}/file.bin copy && sha256sum copy`;

async function largeRows(place: Place, from: string, device: object, copy: string): Promise<Row[]> {
  const growths: number[] = [];
  const [ours, theirs] = await fastest(
    () => fetched(place, device, 1, growth => growths.push(growth)),
    copy,
    place,
  );
  const growth = Math.max(...growths);
  const rate = (seconds: number) => (LARGE / seconds).toFixed(0);
  return [
    ratio(
      `${LARGE} MB from a ${from}, ${rate(ours)} MB/s, against cp, then sha256sum (no fsync), ${rate(theirs)} MB/s`,
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

/** A loop device with ext4, which both find unmounted and leave unmounted. */
async function driveRows(place: Place): Promise<Row[]> {
  const reason = await whyNoDrives();
  if (reason !== undefined) return [{ what: `${LARGE} MB from a drive`, result: `not measured: ${reason}` }];
  const drive = await TestDrive.make({ size: 1.2e6 * LARGE });
  place.use({ close: () => drive.dispose() });
  await drive.fill(folder => copyFile(place.path('large/file.bin'), join(folder, 'file.bin')));
  await drive.insert();
  const device = { type: 'disk', uuid: drive.uuid, mount_point: place.path('drive') };
  await mkdir(place.path('theirs'));
  const copy = `mount -o ro ${drive.node} theirs; ${largeCopy('theirs')}`;
  return largeRows(place, 'drive', device, copy);
}

async function smallRows(place: Place): Promise<Row[]> {
  const device = { type: 'directory', path: './small' };
  const [program, cp] = await fastest(() => fetched(place, device, SMALL_FILES), 'cp -r small copy', place);
  const durable = await timed(DURABLE_COPY, place);
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
async function fastest(ours: () => Promise<number>, theirs: string, place: Place): Promise<[number, number]> {
  const best: [number, number] = [Infinity, Infinity];
  // What was prepared would else be written out while the first is timed.
  await shell('sync -f .', place);
  for (let round = 0; round < ROUNDS; round++) {
    best[0] = Math.min(best[0], await ours());
    await rm(place.path('data'), { recursive: true, force: true });
    best[1] = Math.min(best[1], await timed(theirs, place));
    await shell('rm -r copy; ! mountpoint -q theirs || umount theirs', place);
  }
  return best;
}

async function timed(command: string, place: Place): Promise<number> {
  const begun = performance.now();
  await shell(command, place);
  return (performance.now() - begun) / 1000;
}

/**
 * Downloads all that the device holds; the target is away, so that nothing else is done. Seconds from the program's start to
 * the last file's record; `grown` is told the growth of its memory, MB.
 */
async function fetched(
  place: Place,
  device: object,
  files: number,
  grown: (growth: number) => void = () => undefined,
): Promise<number> {
  const config = await place.configure({
    devices: {
      box: device,
      away: { type: 'http', url: 'http://127.0.0.1:9/' },
    },
    rules: [{ from: 'box', to: ['away'], settle: 0 }],
  });
  const begun = performance.now();
  const program = place.start(['run', '-c', config]);
  const growth = growthOf(program);
  const seconds = downloads(program, files)
    .then(() => (performance.now() - begun) / 1000)
    .finally(() => program.kill('SIGTERM'));
  grown(await growth);
  return seconds;
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
