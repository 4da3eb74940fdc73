import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openStore } from '../src/db/store.js';
import type { FileRecord, Store } from '../src/ports.js';
import { systemClock } from '../src/system/clock.js';
import type { Row } from './run.js';

const SIZES = [1000, 10_000, 100_000];
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
    return rowsOf(rounds);
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
  const records = Array.from({ length: size }, (_, index) => record(index));
  await writeFile(path, JSON.stringify({ schema: 1, seq: 0, records }));
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
    state: 2,
    local: `autopilot/${name}`,
    sha256: index.toString(16).padStart(64, '0'),
    kept: true,
    description: `drone ${index}`,
    targets: {
      review: {
        state: 'done',
        location: `https://logs.example.org/plot_app?log=${index}`,
        verified: 'reply',
      },
      archive: { state: 'done', path: `autopilot/${name}`, verified: 'size' },
    },
    foundAt: 1_790_000_000_000,
    updatedAt: 1_790_000_000_000,
  };
}
