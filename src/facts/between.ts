import type { FileFacts } from '../file-facts.js';
import { readBytes } from './read-bytes.js';
import type { RandomAccess, ReadOptions } from './reader.js';

const KB = 1024;
/** Behind the beginning, PX4 writes the last value of each topic: one of them may be of any time. */
const FIRST_BYTES = 64 * KB;
const SAMPLES = 4;
const SAMPLE_BYTES = 4 * KB;

/** Bytes that `readBetween` reads at most. */
export const BETWEEN_BYTES = FIRST_BYTES + SAMPLES * SAMPLE_BYTES;

/**
 * Reads parts of what lies between the ends of a log that is short by these (`ReadOptions.shorterThan`): a later time in one of them
 * says that it is not.
 */
export async function readBetween(
  file: RandomAccess,
  { from, until }: { readonly from: number; readonly until: number },
  facts: FileFacts,
  { shorterThan = -Infinity, signal }: ReadOptions,
  parse: (block: Buffer, offset: number) => void,
): Promise<void> {
  if (facts.duration === undefined || facts.duration >= shorterThan) return;
  const second = from + FIRST_BYTES;
  const step = Math.max(SAMPLE_BYTES, (until - second) / (SAMPLES + 1));
  const starts = Array.from({ length: SAMPLES }, (_, n) => Math.floor(second + (n + 1) * step));
  const samples = starts.map(start => [start, SAMPLE_BYTES] as const);
  for (const [start, length] of [[from, FIRST_BYTES] as const, ...samples])
    if (start < until) parse(await readBytes(file, start, Math.min(length, until - start), signal), start);
}
