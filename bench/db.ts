import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { nodeDisk } from '../src/db/disk.js';
import { emptySnapshot } from '../src/db/snapshot-format.js';
import { writeSnapshot } from '../src/db/snapshot.js';
import { openStore } from '../src/db/store.js';
import type { FileRecord, Store } from '../src/ports.js';
import { systemClock } from '../src/system/clock.js';
import type { Start } from './db/start.js';
import type { Row } from './run.js';

const SIZES = [1000, 10_000, 100_000];
/** Databases whose start and memory are measured, in a process of their own. */
const STARTS: readonly Contents[] = [
  { live: 200_000, archived: 0 },
  { live: 10_000, archived: 1_000_000, startMs: 1000, megabytes: 60 },
];
/** Single changes that are timed, each awaited before the next. */
const CHANGES = 2000;
const ROUNDS = 3;
/** Changes after which the database compacts itself, as in store.ts and compactor.ts. */
const compactionAfter = (size: number) => Math.max(2000, size / 4);

const options = { clock: systemClock, logger: { log: () => undefined, child: () => options.logger } };

/**
 * Times of a durable change, of the start, and how long the event loop is held. Other programs' work on the machine
 * shows in all of them, so there are some rounds, the best counts and all are shown; so is a bare write to the same
 * disk, which nothing durable can beat.
 */
export async function bench(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'filesync-bench-'));
  try {
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const bare = await bareWrites(join(folder, `${round}-bare`));
      const sizes = new Map<number, Measured>();
      for (const size of SIZES) sizes.set(size, await measure(join(folder, `${round}-${size}.json`), size));
      rounds.push({ bare, sizes });
    }
    return [...rowsOf(rounds), ...(await startRows(folder))];
  } finally {
    await rm(folder, { recursive: true });
  }
}

interface Round {
  readonly bare: Times;
  readonly sizes: ReadonlyMap<number, Measured>;
}

interface Times {
  readonly medianMs: number;
  readonly p99Ms: number;
}

interface Measured extends Times {
  readonly startMs: number;
  /** With a journal just below a compaction. */
  readonly startWithJournalMs: number;
  /** How long the event loop was held, while single changes and a compaction went on. */
  readonly heldP99Ms: number;
  readonly heldMaxMs: number;
}

async function bareWrites(path: string): Promise<Times> {
  const file = await open(path, 'w');
  const times: number[] = [];
  for (let count = 0; count < CHANGES; count++) {
    const [, ms] = await timed(async () => {
      await file.write(Buffer.alloc(500), 0, 500, count * 500);
      await file.datasync();
    });
    times.push(ms);
  }
  await file.close();
  return summary(times);
}

async function measure(path: string, size: number): Promise<Measured> {
  await writeDatabase(path, size);
  const [first, startMs] = await timed(() => openStore(path, options));
  await changeMany(first, compactionAfter(size) - CHANGES / 10);
  await first.close();
  const [store, startWithJournalMs] = await timed(() => openStore(path, options));
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  const times = await changeOneByOne(store, path);
  delays.disable();
  await store.close();
  const held = { heldP99Ms: delays.percentile(99) / 1e6, heldMaxMs: delays.max / 1e6 };
  return { startMs, startWithJournalMs, ...held, ...summary(times) };
}

async function writeDatabase(path: string, size: number): Promise<void> {
  const snapshot = emptySnapshot();
  for (let index = 0; index < size; index++) snapshot.table.set(record(index));
  await writeSnapshot(nodeDisk, path, snapshot);
}

async function changeMany(store: Store, count: number): Promise<void> {
  const records = [...store.all()];
  const changed = Array.from({ length: count }, (_, index) => ({
    ...(records[index % records.length] ?? record(0)),
    updatedAt: index,
  }));
  await Promise.all(changed.map(one => store.put(one)));
}

/** At least `CHANGES` of them, and until a compaction has begun and ended meanwhile. */
async function changeOneByOne(store: Store, path: string): Promise<number[]> {
  const { ino } = await stat(path);
  const records = [...store.all()];
  const times: number[] = [];
  for (let compacted = false; times.length < CHANGES || !compacted;) {
    const one = records[(times.length * 7919) % records.length] ?? record(0);
    const [, ms] = await timed(() => store.put({ ...one, updatedAt: times.length }));
    times.push(ms);
    if (times.length % 100 === 0) compacted = (await stat(path)).ino !== ino;
  }
  return times;
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await work();
  return [result, performance.now() - start];
}

function summary(times: readonly number[]): Times {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
  return { medianMs: at(0.5), p99Ms: at(0.99) };
}

function rowsOf(rounds: readonly Round[]): Row[] {
  const bare = rounds.map(round => round.bare);
  const runs = SIZES.map(size => rounds.flatMap(round => round.sizes.get(size) ?? []));
  const medians = runs.map(all => Math.min(...all.map(run => run.medianMs)));
  const spread = Math.max(...medians) / Math.min(...medians);
  return [
    row('a bare write and fdatasync: median', bare, 'medianMs'),
    row('a bare write and fdatasync: p99', bare, 'p99Ms'),
    ...SIZES.flatMap((size, index) => rowsOfSize(size, runs[index] ?? [])),
    {
      what: 'slowest size / fastest, medians',
      result: `${spread.toFixed(2)} x`,
      limit: '< 2 x',
      met: spread < 2,
    },
  ];
}

function rowsOfSize(size: number, runs: readonly Measured[]): Row[] {
  const at = `${size.toLocaleString('en')} records`;
  return [
    row(`${at}, one durable change: median`, runs, 'medianMs'),
    row(`${at}, one durable change, with a compaction: p99`, runs, 'p99Ms', 5),
    row(`${at}, event loop held, with a compaction: p99`, runs, 'heldP99Ms', 10),
    row(`${at}, event loop held, with a compaction: longest`, runs, 'heldMaxMs'),
    row(`${at}, start`, runs, 'startMs', 2000),
    row(`${at}, start with a full journal`, runs, 'startWithJournalMs', 2000),
  ];
}

// ---- start and memory -------------------------------------------------------------------------------------

interface Contents {
  readonly live: number;
  readonly archived: number;
  /** What is asked for, if anything is. */
  readonly startMs?: number;
  readonly megabytes?: number;
}

async function startRows(folder: string): Promise<Row[]> {
  const empty = await startOf(join(folder, 'empty.json'));
  const rows: Row[] = [];
  for (const contents of STARTS) {
    const path = join(folder, `${contents.live}-${contents.archived}.json`);
    await writeDatabase(path, contents.live);
    if (contents.archived > 0) await writeArchive(`${path}.archive`, contents);
    const starts: Start[] = [];
    for (let round = 0; round < ROUNDS; round++) starts.push(await startOf(path));
    rows.push(...rowsOfStart(contents, empty, starts));
  }
  return rows;
}

async function startOf(path: string): Promise<Start> {
  const script = join(import.meta.dirname, 'db', 'start.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--import=tsx', script, path]);
  return JSON.parse(stdout) as Start;
}

async function writeArchive(path: string, { live, archived }: Contents): Promise<void> {
  const lines = function* () {
    for (let index = live; index < live + archived; index++) yield `${JSON.stringify(record(index))}\n`;
  };
  await pipeline(Readable.from(lines()), createWriteStream(path));
}

function rowsOfStart(contents: Contents, empty: Start, starts: readonly Start[]): Row[] {
  const { live, archived, startMs, megabytes } = contents;
  const at = `${live.toLocaleString('en')} records, ${archived.toLocaleString('en')} archived`;
  const memory = Math.min(...starts.map(start => start.megabytes)) - empty.megabytes;
  const limit = megabytes !== undefined && { limit: `< ${megabytes} MB`, met: memory < megabytes };
  return [
    row(`${at}, start`, starts, 'startMs', startMs),
    row(`${at}, start, event loop held: longest`, starts, 'heldMs'),
    { what: `${at}, memory for them`, result: `${memory.toFixed(0)} MB`, ...limit },
    ...(archived > 0 ? [row(`${at}, reading the archive`, starts, 'archiveMs')] : []),
  ];
}

/** The best round, and how far they lie apart. */
function row<Key extends string>(
  what: string,
  runs: readonly Record<Key, number>[],
  key: Key,
  limit?: number,
): Row {
  const values = runs.map(run => run[key]).sort((a, b) => a - b);
  const [best = 0, worst = 0] = [values[0], values.at(-1)];
  const result = `${inMs(best)} (to ${inMs(worst)})`;
  return { what, result, ...(limit !== undefined && { limit: `< ${limit} ms`, met: best < limit }) };
}

const inMs = (ms: number) => `${ms.toFixed(ms < 100 ? 2 : 0)} ms`;

function record(index: number): FileRecord {
  const name = `2026-11-${String(1 + (index % 28)).padStart(2, '0')}/${index}.ulg`;
  return {
    id: index.toString(16).padStart(12, '0'),
    device: 'autopilot',
    path: name,
    size: 1_000_000 + index,
    modified: 1_790_000_000_000 + index,
    source: { state: 'removed' },
    local: `autopilot/${name}`,
    copy: { state: 'whole' },
    sha256: index.toString(16).padStart(64, '0'),
    description: `drone ${index % 10}`,
    targets: {
      review: {
        state: 'done',
        location: `https://logs.example.org/plot_app?log=${index}`,
        verified: 'reply',
      },
      archive: { state: 'done', path: `autopilot/${name}`, verified: 'size' },
    },
    delivered: {
      at: 1_790_000_000_000 + index,
      boot: '0e4c9e5e-1111-2222-3333-444455556666',
      up: 123_456.5 + index,
      synced: true,
    },
    foundAt: 1_790_000_000_000,
    updatedAt: 1_790_000_000_000,
  };
}
