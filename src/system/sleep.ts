import { setTimeout as delay } from 'node:timers/promises';

/** The longest wait that a Node timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const nowMs = (): number => performance.now();

/**
 * Waits for that many ms, never less: a timer of Node may fire up to a millisecond early, and a caller that compares the clock then
 * would wait for ever. Keeps the program alive unless `ref` is false. Rejects with Node's AbortError at the abort.
 */
export async function sleep(ms: number, signal?: AbortSignal, ref = true): Promise<void> {
  const until = nowMs() + ms;
  for (let left = Math.max(0, ms); ; left = until - nowMs()) {
    await delay(Math.min(Math.ceil(left), MAX_TIMER_MS), undefined, { ref, ...(signal && { signal }) });
    if (nowMs() >= until) return;
  }
}
