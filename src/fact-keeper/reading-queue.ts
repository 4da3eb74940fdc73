import { filter, firstValueFrom, Subject } from 'rxjs';
import type { Clock } from '../ports.js';
import { withinTime } from '../system/deadline.js';

/** `stop` waits no longer for the file that is being read: its disk may hang. */
const STOP_TIMEOUT_MS = 2_000;
/** The end of a pass waits no longer for facts. */
const IDLE_TIMEOUT_MS = 60_000;

/** Reads files one at a time: those that a step waits for, then new ones, then those that were there before. */
export class ReadingQueue {
  readonly #read: (id: string, signal: AbortSignal) => Promise<void>;
  readonly #clock: Pick<Clock, 'sleep'>;
  readonly #urgent = new Set<string>();
  readonly #fresh = new Set<string>();
  #known: string[] = [];
  readonly #ended = new Subject<string>();
  readonly #stopping = new AbortController();
  #current: string | undefined;
  #work = Promise.resolve();

  /** `read` never rejects. */
  constructor(read: (id: string, signal: AbortSignal) => Promise<void>, clock: Pick<Clock, 'sleep'>) {
    this.#read = read;
    this.#clock = clock;
  }

  add(id: string): void {
    this.#fresh.add(id);
    this.#begin();
  }

  /** Files that nobody waits for; the last one goes first. */
  addKnown(ids: readonly string[]): void {
    this.#known = [...ids];
    this.#begin();
  }

  /** Reads the file next; resolves when it has been read. */
  async first(id: string): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const ended = firstValueFrom(this.#ended.pipe(filter(one => one === id)), { defaultValue: id });
    if (this.#current !== id) this.#urgent.add(id);
    this.#begin();
    await ended;
  }

  /** Resolves when all new files have been read, or after a minute. Those that were there before are left for another run. */
  async idle(): Promise<void> {
    this.#known = [];
    await withinTime(this.#untilIdle(), { ms: IDLE_TIMEOUT_MS, clock: this.#clock });
  }

  async #untilIdle(): Promise<void> {
    while (this.#current !== undefined) await this.#work;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await withinTime(this.#work, { ms: STOP_TIMEOUT_MS, clock: this.#clock });
    this.#ended.complete();
  }

  #begin(): void {
    if (this.#current !== undefined) return;
    this.#current = this.#next();
    if (this.#current !== undefined) this.#work = this.#readAll(this.#current);
  }

  async #readAll(first: string): Promise<void> {
    for (let id: string | undefined = first; id !== undefined; id = this.#next()) {
      this.#current = id;
      await this.#read(id, this.#stopping.signal);
      this.#ended.next(id);
    }
    this.#current = undefined;
  }

  #next(): string | undefined {
    if (this.#stopping.signal.aborted) return undefined;
    const id = firstOf(this.#urgent) ?? firstOf(this.#fresh) ?? this.#known.pop();
    if (id === undefined) return undefined;
    this.#urgent.delete(id);
    this.#fresh.delete(id);
    return id;
  }
}

function firstOf(ids: ReadonlySet<string>): string | undefined {
  for (const id of ids) return id;
  return undefined;
}
