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
}

/** Bytes that compiled code, caches and the collector's own state may grow by. */
const MEMORY_BYTES = 16 * 1024 * 1024;
/** Bytes that this program's own list needs for each file. */
const BYTES_PER_FILE = 1024;
/** Connections that a server of the test has not closed yet, and timers of those. */
const FEW = 2;
/** Connections to the FTP server that an idle engine may keep. */
const KEPT_CONNECTIONS = 4;
/** Of each: both ends, and the listener of its last transfer. */
const DESCRIPTORS_PER_CONNECTION = 3;
/** ms within which what was ended must be gone. */
const MAX_WAIT_MS = 30_000;
const CHECK_INTERVAL_MS = 250;

const collectGarbage = (globalThis as { gc?: () => void }).gc;

/** @param sleeping how many sleeps of the clock are under way */
function measure(sleeping: number): Measures {
  if (!collectGarbage) throw new Error('node needs --expose-gc');
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  const resources: Record<string, number> = { sleeps: sleeping };
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  return {
    memory: heapUsed + external,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    resources,
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
    counts.push([
      kind,
      first.resources[kind] ?? 0,
      now.resources[kind] ?? 0,
      kind.startsWith('TCP') ? FEW + 2 * kept : FEW,
    ]);
  return counts
    .filter(([, before, after, bound]) => after > before + bound)
    .map(([what, before, after]) => `${what}: ${before} at the beginning, ${after} now`);
}

/** Waits until the process holds what it held at the beginning. Throws with what it holds too much. */
export async function settled(
  first: Measures | undefined,
  files: number,
  clock: { readonly sleeping: number },
  engine: 'stopped' | 'idle' = 'stopped',
): Promise<Measures> {
  const kept = engine === 'idle' ? KEPT_CONNECTIONS : 0;
  for (let waited = 0; ; waited += CHECK_INTERVAL_MS) {
    const now = measure(clock.sleeping);
    const problems = first ? grown(first, now, files, kept) : [];
    // The first measurement is made when what was ended is gone.
    if (problems.length === 0 && (first || waited >= 4 * CHECK_INTERVAL_MS)) return now;
    if (waited >= MAX_WAIT_MS) throw new Error(`it has grown:\n${problems.join('\n')}`);
    await sleep(CHECK_INTERVAL_MS);
  }
}

export function figures({ memory, descriptors, threads, resources }: Measures): string {
  const kinds = Object.entries(resources).map(([kind, count]) => `${count} ${kind}`);
  return `${(memory / 2 ** 20).toFixed(1)} MiB, ${descriptors} descriptors, ${threads} threads, ${kinds.join(', ')}`;
}
