import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the process holds while nothing works. */
export interface Measures {
  /** Bytes of the heap and of buffers, after a collection. */
  readonly memory: number;
  readonly descriptors: number;
  readonly threads: number;
  /** By kind: timers, sockets, servers, files. */
  readonly resources: Readonly<Record<string, number>>;
  /** Sleeps of the engine's clock, by the place that began them. */
  readonly sleeps: ReadonlyMap<string, number>;
}

/** Bytes that compiled code, caches and the collector's own state may grow by. */
const MEMORY_BYTES = 16 * 1024 * 1024;
/** Bytes that this program's own list needs for each file. */
const BYTES_PER_FILE = 1024;
/** Connections that a server of the test has not closed yet, timers of those, and calls to the file system. */
const FEW = 2;
/** Where timers begin that belong to one transfer. */
const OF_TRANSFERS = /^(?:congestion|mavlink\/window)/;
const PASSING = /^(?:FSReq|CloseReq|TCPSocket|TCPConnect|Timeout|Immediate|open files|threads|GetAddrInfo)/;
/** Connections to the FTP server that an idle engine may keep. */
const KEPT_CONNECTIONS = 4;
/** Of each: both ends, and the listener of its last transfer. */
const DESCRIPTORS_PER_CONNECTION = 3;
/** ms within which what was ended must be gone. */
const MAX_WAIT_MS = 30_000;
const CHECK_INTERVAL_MS = 250;

const collectGarbage = (globalThis as { gc?: () => void }).gc;

function measure(sleeps: Measures['sleeps']): Measures {
  if (!collectGarbage) throw new Error('node needs --expose-gc');
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  return {
    memory: heapUsed + external,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    ...{ resources, sleeps },
  };
}

/** What has grown beyond its bound since the first measurement, a sentence each. `kept`: connections that may be open. */
function grown(first: Measures, now: Measures, files: number, kept: number): string[] {
  const counts: [string, number, number, number][] = [
    ['bytes of memory', first.memory, now.memory, MEMORY_BYTES + BYTES_PER_FILE * files],
    ['open files', first.descriptors, now.descriptors, FEW + DESCRIPTORS_PER_CONNECTION * kept],
    ['threads', first.threads, now.threads, FEW],
  ];
  for (const kind of new Set([...Object.keys(first.resources), ...Object.keys(now.resources)]))
    counts.push([kind, first.resources[kind] ?? 0, now.resources[kind] ?? 0, boundOf(kind, kept)]);
  for (const [place, count] of now.sleeps)
    counts.push([`timers of ${place}`, first.sleeps.get(place) ?? 0, count, timersOf(place, kept)]);
  return counts
    .filter(([, before, after, bound]) => after > before + bound)
    .map(([what, before, after]) => `${what}: ${before} at the beginning, ${after} now`);
}

/** How many timers more than at the beginning there may be. The plan of an idle engine differs with its rules. */
function timersOf(place: string, kept: number): number {
  if (/^devices.*ftp/.test(place)) return kept;
  return /^(?:devices|mavlink)/.test(place) ? 0 : FEW;
}

function boundOf(kind: string, kept: number): number {
  if (kind.startsWith('TCP')) return FEW + 2 * kept;
  return PASSING.test(kind) ? FEW : 0;
}

/** Waits until the process holds what it held at the beginning. Throws with what it holds too much. */
export async function settled(
  first: Measures | undefined,
  files: number,
  clock: { readonly sleeping: Measures['sleeps'] },
  engine: 'stopped' | 'idle' = 'stopped',
): Promise<Measures> {
  const kept = engine === 'idle' ? KEPT_CONNECTIONS : 0;
  for (let waited = 0; ; waited += CHECK_INTERVAL_MS) {
    const now = measure(clock.sleeping);
    const problems = [...(first ? grown(first, now, files, kept) : []), ...left(now, engine)];
    // The first measurement is made when what was ended is gone.
    if (problems.length === 0 && (first || waited >= 4 * CHECK_INTERVAL_MS)) return now;
    if (waited >= MAX_WAIT_MS) throw new Error(`it has grown:\n${problems.join('\n')}`);
    await sleep(CHECK_INTERVAL_MS);
  }
}

/** Timers that have outlived the engine, or the transfers of an idle one. */
function left({ sleeps }: Measures, engine: 'stopped' | 'idle'): string[] {
  const places = [...sleeps].filter(([place]) => engine === 'stopped' || OF_TRANSFERS.test(place));
  return places.map(([place, count]) => `timers of ${place}: ${count} are left`);
}

export function figures({ memory, descriptors, threads, resources, sleeps }: Measures): string {
  const kinds = Object.entries(resources).map(([kind, count]) => `${count} ${kind}`);
  for (const [place, count] of sleeps) kinds.push(`${count} in ${place}`);
  return `${(memory / 2 ** 20).toFixed(1)} MiB, ${descriptors} descriptors, ${threads} threads, ${kinds.join(', ')}`;
}
