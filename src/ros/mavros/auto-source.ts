import { BehaviorSubject, switchMap, type Observable } from 'rxjs';
import type { Availability, ByteStream, Checksum, Source, SourceFile } from '../../ports.js';

/** The better of two ways to the same files, and the one that is left when it proves unable. */
export class AutoSource implements Source {
  readonly capabilities;
  readonly availability: Observable<Availability>;
  readonly #first: Source;
  readonly #makeSecond: () => Source;
  readonly #current: BehaviorSubject<Source>;

  /** Both must be able to do the same. */
  constructor(first: Source, makeSecond: () => Source) {
    this.#first = first;
    this.#makeSecond = makeSecond;
    this.#current = new BehaviorSubject(first);
    this.capabilities = first.capabilities;
    this.availability = this.#current.pipe(switchMap(source => source.availability));
  }

  /** From now on everything goes the second way. */
  changeOver(): void {
    if (this.#current.value === this.#first && !this.#current.closed) this.#current.next(this.#makeSecond());
  }

  list(signal: AbortSignal): AsyncIterable<SourceFile> {
    return this.#stream(source => source.list(signal));
  }

  /** The second way knows nothing of what the first has seen. */
  async listChanges(
    unsettled: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly SourceFile[] | undefined> {
    return this.#run(async source => source.listChanges?.(unsettled, signal));
  }

  read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    return this.#stream(source => source.read(file, offset, signal));
  }

  checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    return this.#run(source => source.checksum(file, signal));
  }

  remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    return this.#run(source => source.remove(file, signal));
  }

  async close(): Promise<void> {
    const current = this.#current.value;
    this.#current.complete();
    await Promise.all([...new Set([this.#first, current])].map(source => source.close()));
  }

  async #run<Value>(work: (source: Source) => Promise<Value>): Promise<Value> {
    const source = this.#current.value;
    try {
      return await work(source);
    } catch (error) {
      if (source === this.#current.value) throw error;
      return work(this.#current.value);
    }
  }

  /** Begins anew the second way only if nothing was given yet. */
  async *#stream<Item>(open: (source: Source) => AsyncIterable<Item>): AsyncGenerator<Item, void> {
    const source = this.#current.value;
    let given = false;
    try {
      for await (const item of open(source)) {
        given = true;
        yield item;
      }
      return;
    } catch (error) {
      if (given || source === this.#current.value) throw error;
    }
    yield* open(this.#current.value);
  }
}
