import { FileSyncError, throwIfAborted, toFileSyncError } from '../errors.js';
import type { Clock } from '../ports.js';
import { sleep } from './sleep.js';

/** A promise, or a function of a signal that aborts as soon as the outcome is settled, in any way. */
export type Work<Value> = Promise<Value> | ((over: AbortSignal) => Promise<Value>);

export interface Deadline<Value> {
  /** The first of them that aborts ends the waiting. */
  readonly signal?: AbortSignal | readonly AbortSignal[] | undefined;
  /** Time limit. */
  readonly ms?: number | undefined;
  /** Measures the time, in place of the machine's own clock. */
  readonly clock?: Pick<Clock, 'sleep'> | undefined;
  /** Makes the error when the time is over, in place of a plain `timeout`. It is called once, then. */
  readonly late?: (() => FileSyncError) | undefined;
  /** Disposes of a value of work that has lost. */
  readonly discard?: ((value: Value) => unknown) | undefined;
}

/** The reason of an abort when the work has settled; without one each abort would make an error with its stack. */
const SETTLED = new FileSyncError('cancelled', 'settled');

/**
 * Settles as the work does, but rejects with `cancelled` as soon as a signal aborts (with the signal's reason, where that
 * is a FileSyncError), and with `timeout` when the time is over. Work that is a function does not begin if a signal is
 * aborted already. No listener and no timer is left; work that has lost goes on, and its outcome is ignored.
 */
export function withDeadline<Value>(work: Work<Value>, deadline: Deadline<Value>): Promise<Value> {
  return new Promise((resolve, reject) => new Race(deadline, resolve, reject).run(work));
}

/** As `withDeadline`, but resolves to undefined when the time is over. */
export async function withinTime<Value>(
  work: Work<Value>,
  deadline: Omit<Deadline<Value>, 'late' | 'discard'>,
): Promise<Value | undefined> {
  let over: FileSyncError | undefined;
  const late = () => (over = timeIsOver(deadline.ms));
  return unlessCut(withDeadline(work, { ...deadline, late }), error => error === over);
}

/** As `withDeadline`, but resolves to undefined at the abort; without work it waits for that alone. */
export async function untilAborted<Value>(
  signal: AbortSignal,
  work: Work<Value> = new Promise(ignore),
): Promise<Value | undefined> {
  return unlessCut(withDeadline(work, { signal }), error => wasCut(signal, error));
}

/** The items, or a rejection as soon as the signal aborts. */
export async function* itemsUntilAborted<Item>(
  items: AsyncGenerator<Item, unknown>,
  signal: AbortSignal,
): AsyncGenerator<Item, void> {
  for (;;) {
    const next = await withDeadline(items.next(), { signal });
    if (next.done) return;
    yield next.value;
    throwIfAborted(signal);
  }
}

/** The signal has aborted, and something was `cancelled` by that. */
export function wasCut(signal: AbortSignal, thrown: unknown): boolean {
  return signal.aborted && toFileSyncError(thrown).kind === 'cancelled';
}

async function unlessCut<Value>(
  work: Promise<Value>,
  isCut: (error: unknown) => boolean,
): Promise<Value | undefined> {
  return work.catch((error: unknown) => {
    if (!isCut(error)) throw error;
    return undefined;
  });
}

/** The first of work, signals and timer settles the outcome; later ones are ignored. */
class Race<Value> {
  readonly #deadline: Deadline<Value>;
  readonly #signals: readonly AbortSignal[];
  readonly #resolve: (value: Value) => void;
  readonly #reject: (error: unknown) => void;
  /** Made when the signal is first used. */
  #over: AbortController | undefined;
  #settled = false;
  readonly #cancel = () => this.#lose(abortOf(...this.#signals));

  constructor(deadline: Deadline<Value>, resolve: (value: Value) => void, reject: (error: unknown) => void) {
    this.#deadline = deadline;
    this.#signals = [deadline.signal ?? []].flat();
    this.#resolve = resolve;
    this.#reject = reject;
  }

  run(work: Work<Value>): void {
    for (const signal of this.#signals) signal.addEventListener('abort', this.#cancel);
    if (this.#signals.some(({ aborted }) => aborted)) this.#cancel();
    this.#begun(work).then(
      value => this.#given(value),
      (error: unknown) => this.#failed(error),
    );
    const { ms = Infinity } = this.#deadline;
    if (ms !== Infinity && !this.#settled) this.#passed(ms).then(() => this.#late(), ignore);
  }

  async #begun(work: Work<Value>): Promise<Value> {
    if (typeof work !== 'function') return work;
    if (this.#settled) throw SETTLED;
    return work(this.#signal());
  }

  #given(value: Value): void {
    if (this.#settled) return void this.#discarded(value).catch(ignore);
    this.#resolve(value);
    this.#end();
  }

  async #discarded(value: Value): Promise<void> {
    await this.#deadline.discard?.(value);
  }

  #failed(error: unknown): void {
    if (this.#settled) return;
    this.#reject(error);
    this.#end();
  }

  #late(): void {
    const { late, ms } = this.#deadline;
    if (!this.#settled) this.#lose(late?.() ?? timeIsOver(ms));
  }

  #lose(error: FileSyncError): void {
    this.#reject(error);
    this.#end(error);
  }

  #end(reason?: FileSyncError): void {
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#cancel);
    this.#settled = true;
    this.#over?.abort(reason ?? SETTLED);
  }

  /** Aborts when the outcome is settled. */
  #signal(): AbortSignal {
    return (this.#over ??= new AbortController()).signal;
  }

  /**
   * Resolves when the time is over; rejects when the outcome is settled before. After a stall of the program an answer may be
   * unread in its socket: the second, short wait lets it be read.
   */
  async #passed(ms: number): Promise<void> {
    const { clock = { sleep } } = this.#deadline;
    const signal = this.#signal();
    await clock.sleep(ms, signal);
    await clock.sleep(0, signal);
  }
}

/** What to throw when one of the signals has aborted: its reason, if that is a FileSyncError, or `cancelled`. */
export function abortOf(...signals: readonly AbortSignal[]): FileSyncError {
  const cause: unknown = signals.find(({ aborted }) => aborted)?.reason;
  return cause instanceof FileSyncError ? cause : new FileSyncError('cancelled', 'cancelled', { cause });
}

const timeIsOver = (ms = Infinity) => new FileSyncError('timeout', `did not end within ${ms / 1000} s`);

function ignore(): void {}
