import type { Clock } from '../ports.js';

export interface Limits {
  readonly clock: Clock;
  /** ms for the work. */
  readonly timeout: number;
  /** Each of them ends the work too. */
  readonly ends: readonly AbortSignal[];
}

/** The reason with which the work's signal aborts when its time is over. */
export const LATE = new Error('too late');

/**
 * Does work that ends when its signal aborts. Nothing of it stays with `ends`: AbortSignal.any would leave a piece at
 * each that lives on, with every call.
 */
export async function limited<Value>(
  { clock, timeout, ends }: Limits,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const over = new AbortController();
  const end = () => over.abort();
  if (ends.some(({ aborted }) => aborted)) end();
  for (const signal of ends) signal.addEventListener('abort', end);
  const late = () => over.abort(LATE);
  void clock.sleep(timeout, over.signal).then(late, () => undefined);
  try {
    return await work(over.signal);
  } finally {
    for (const signal of ends) signal.removeEventListener('abort', end);
    end();
  }
}
