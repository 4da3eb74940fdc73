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
const CHANGES = 3000;
/** Changes after which the database compacts itself, as in store.ts and compactor.ts. */
const compactionAfter = (size: number) => Math.max(2000, size / 4);

const options = { clock: systemClock, logger: { log: () => undefined, child: () => options.logger } };

/** Times of a durable change, of the start, and how long a compaction keeps the event loop from other work. */
export async function bench(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'filesync-bench-'));
  try {
    const runs: Measured[] = [];
    const floor = await bareWrites(join(folder, 'bare'));
    for (const size of SIZES) runs.push(await measure(join(folder, `${size}.json`), size));
    return [{ what: 'this disk: a bare write and fdatasync', result: floor }, ...rowsOf(runs)];
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What the machine needs at this moment for what a durable change cannot do without. */
async function bareWrites(path: string): Promise<string> {
  const file = await open(path, 'w');
  const times: number[] = [];
  for (let count = 0; count < CHANGES / 3; count++) {
    const [, ms] = await timed(async () => {
      await file.write(Buffer.alloc(500), 0, 500, count * 500);
      await file.datasync();
    });
    times.push(ms);
  }
  await file.close();
  const { medianMs, p99Ms, maxMs } = summary(times);
  return `median ${inMs(medianMs)}, p99 ${inMs(p99Ms)}, longest ${inMs(maxMs)}`;
}

interface Measured {
  readonly size: number;
  readonly startMs: number;
  /** With a journal just below a compaction. */
  readonly startWithJournalMs: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** How long the event loop was held, while single changes and a compaction went on. */
  readonly heldP99Ms: number;
  readonly heldMaxMs: number;
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
  return { size, startMs, startWithJournalMs, ...held, ...summary(times) };
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

function summary(times: readonly number[]) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { medianMs: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

function rowsOf(runs: readonly Measured[]): Row[] {
  const medians = runs.map(run => run.medianMs);
  const spread = Math.max(...medians) / Math.min(...medians);
  const flat = { what: 'slowest median / fastest', result: `${spread.toFixed(2)} x`, limit: '< 2 x' };
  return [...runs.flatMap(rowsOfRun), { ...flat, met: spread < 2 }];
}

function rowsOfRun(run: Measured): Row[] {
  const at = `at ${run.size.toLocaleString('en')} records`;
  return [
    { what: `one durable change ${at}: median`, result: inMs(run.medianMs) },
    { what: `one durable change ${at}: p99`, ...within(run.p99Ms, 5) },
    { what: `one durable change ${at}: longest`, result: inMs(run.maxMs) },
    {
      what: `event loop held ${at}, with a compaction: p99, longest`,
      result: `${inMs(run.heldP99Ms)}, ${inMs(run.heldMaxMs)}`,
    },
    { what: `start ${at}`, ...within(run.startMs, 2000) },
    { what: `start ${at} and a full journal`, ...within(run.startWithJournalMs, 2000) },
  ];
}

const inMs = (ms: number) => `${ms.toFixed(ms < 100 ? 2 : 0)} ms`;
const within = (ms: number, limit: number) => ({
  result: inMs(ms),
  limit: `< ${limit} ms`,
  met: ms < limit,
});

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
