import { FileSyncError } from '../errors.js';
import type { FileFacts } from '../file-facts.js';
import type { Clock } from '../ports.js';
import { withDeadline, withinTime } from '../system/deadline.js';
import { cleanFacts } from './clean.js';
import { readBytes } from './read-bytes.js';
import { HEAD_BYTES, type FactReader, type RandomAccess, type ReadOptions } from './reader.js';
import { FACT_READERS } from './registry.js';

/** Time for a file. A local disk reads half a gigabyte in that time. */
const MAX_READ_MS = 60_000;

export interface FactsOptions {
  readonly signal: AbortSignal;
  /** The first position is wanted as well. */
  readonly position?: boolean;
  /** No more than the reader's `ends` are read, besides the first HEAD_BYTES; see `FactReader`. */
  readonly endsOnly?: boolean;
  /** ms: see `ReadOptions`. */
  readonly shorterThan?: number;
  /** Time limit for a read of the file, and again for its ends where the whole took too long. */
  readonly maxMs?: number;
  /** Measures that time, in place of the machine's own clock. */
  readonly clock?: Pick<Clock, 'sleep'>;
}

/** The reader for a file, by its first bytes and its name. */
export async function readerOf(
  name: string,
  file: RandomAccess,
  signal: AbortSignal,
): Promise<FactReader | undefined> {
  const head = await readBytes(file, 0, HEAD_BYTES, signal);
  return FACT_READERS.find(reader => reader.matches(name, head));
}

/**
 * What a file says about itself, cleaned and small; undefined if its format is unknown. Bad contents are no error: what cannot be
 * read is absent, and `note` says why. Rejects with what `file.read` rejects with, and with `cancelled` when the signal aborts. The
 * event loop gets its turns, and a megabyte or two is all the memory that is needed, whatever the file's size.
 */
export async function factsOf(
  name: string,
  file: RandomAccess,
  options: FactsOptions,
): Promise<FileFacts | undefined> {
  const { signal, maxMs = MAX_READ_MS, clock } = options;
  const limits = { signal, ms: maxMs, clock };
  const reader = await withDeadline(over => readerOf(name, file, over), limits);
  if (!reader) return undefined;
  const { position = false, endsOnly = false, shorterThan } = options;
  const attempt = (only: boolean) =>
    withinTime(over => read(reader, file, { position, endsOnly: only, shorterThan, signal: over }), limits);
  const facts = (await attempt(endsOnly)) ?? {
    ...(reader.ends !== undefined && !endsOnly ? await attempt(true) : undefined),
    format: reader.format,
    note: `could not be read whole within ${maxMs / 1000} s`,
  };
  return cleanFacts(facts);
}

/** A reader does not throw for what is in a file. Should one do so, the file is not to suffer from it. */
async function read(reader: FactReader, file: RandomAccess, options: ReadOptions): Promise<FileFacts> {
  try {
    return await reader.read(file, options);
  } catch (thrown) {
    if (thrown instanceof FileSyncError) throw thrown;
    return {
      format: reader.format,
      note: `could not be read: ${thrown instanceof Error ? thrown.message : 'error'}`,
    };
  }
}
