import { setTimeout as delay } from 'node:timers/promises';

/** The longest wait that a Node timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Waits for that many ms, which keeps the program alive unless `ref` is false. Rejects with Node's AbortError at the abort. */
export async function sleep(ms: number, signal?: AbortSignal, ref = true): Promise<void> {
  for (let left = Math.max(0, ms); ; left -= MAX_TIMER_MS) {
    await delay(Math.min(left, MAX_TIMER_MS), undefined, { ref, ...(signal && { signal }) });
    if (left <= MAX_TIMER_MS) return;
  }
}
