import type { Clock } from '../ports.js';

/** Bytes that must move within the time limit: a server that sends one byte a second is as good as silent. */
export const MIN_BYTES_PER_LIMIT = 1024;

/** Windows of the time limit, one after another, that may have fewer: a small answer may fall into two of them. */
const MAX_SLOW_WINDOWS = 1;

/**
 * Resolves when nothing has moved for `limit` ms, or fewer than `MIN_BYTES_PER_LIMIT` bytes in each of two such times. Rejects with
 * the signal.
 * @param progress returns the bytes that have moved so far
 * @param before what it would return now, where the caller knows that
 */
export async function untilTooSlow(
  progress: () => number | Promise<number>,
  limit: number,
  clock: Clock,
  signal: AbortSignal,
  before?: number,
): Promise<void> {
  let slow = 0;
  for (let last = before ?? (await progress()); ;) {
    await clock.sleep(limit, signal);
    signal.throwIfAborted();
    const now = await progress();
    signal.throwIfAborted();
    const moved = now - last;
    last = now;
    slow = moved < MIN_BYTES_PER_LIMIT ? slow + 1 : 0;
    if (moved === 0 || slow > MAX_SLOW_WINDOWS) return;
  }
}
