import { ChunkPool } from '../../src/local/chunk-pool.js';
import { LocalStorage } from '../../src/local/storage.js';
import { verified } from '../../src/local/verification.js';
import type { Outgoing } from '../../src/ports.js';
import { outgoing } from '../../test/servers/outgoing.js';
import type { Row } from '../run.js';

/** The durations of one round, in seconds. */
export interface Pair {
  readonly ours: number;
  readonly theirs: number;
}

/** As the uploader sends it: hashed again on its way. */
export async function sendingOf(folder: string, name: string, size: number): Promise<Outgoing> {
  const local = new LocalStorage(folder);
  const sha256 = (await local.checksum(name, 'sha256')).value;
  const pool = new ChunkPool();
  return outgoing(new Uint8Array(0), {
    source: { path: name, size },
    sha256,
    open: offset => verified(local.open(name, 0, undefined, size, pool), offset, sha256),
    giveBack: chunk => pool.giveBack(chunk),
  });
}

/** Seconds. */
export async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

export function rowsOf(
  what: string,
  other: string,
  limit: number,
  pairs: readonly Pair[],
  speed: (seconds: number) => string,
): Row[] {
  const ratio = median(pairs.map(({ ours, theirs }) => theirs / ours));
  return [
    { what: `${what}: FileSync`, result: speed(median(pairs.map(pair => pair.ours))) },
    { what: `${what}: ${other}`, result: speed(median(pairs.map(pair => pair.theirs))) },
    {
      what: `${what}: FileSync / ${other}`,
      result: `${ratio.toFixed(2)} x`,
      limit: `>= ${limit} x`,
      met: ratio >= limit,
    },
  ];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
