import { throwIfAborted } from '../errors.js';
import type { RandomAccess } from '../facts/reader.js';
import type { Clock, Source, SourceFile } from '../ports.js';
import { withDeadline, withinTime } from '../system/deadline.js';

/** A device has that long to end a read that is not needed any more. */
const CLOSE_TIMEOUT_MS = 5_000;

interface Block {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Parts of a file on its source: the bytes that have come over the link are kept, so that none of them comes twice. */
export class SourceEnds implements RandomAccess {
  readonly #source: Source;
  readonly #file: SourceFile;
  readonly #clock: Pick<Clock, 'sleep'>;
  readonly #blocks: Block[] = [];
  #open: { readonly chunks: AsyncIterator<Uint8Array>; readonly control: AbortController } | undefined;
  /** Of the next byte that the open read returns. */
  #position = 0;

  constructor(source: Source, file: SourceFile, clock: Pick<Clock, 'sleep'>) {
    this.#source = source;
    this.#file = file;
    this.#clock = clock;
  }

  get size(): number {
    return this.#file.size;
  }

  async read(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array> {
    throwIfAborted(signal);
    const known = this.#known(offset);
    if (known) return known.subarray(0, length);
    await this.#seek(offset);
    const { value, done } = await withDeadline(this.#next(), { signal }).catch((error: unknown) => {
      this.#open?.control.abort();
      throw error;
    });
    if (done === true) return new Uint8Array(0);
    this.#blocks.push({ offset, bytes: Uint8Array.from(value) });
    this.#position = offset + value.length;
    return this.#known(offset)?.subarray(0, length) ?? new Uint8Array(0);
  }

  /** Ends the read that is open. A device uses no slot and no session after that. */
  async close(): Promise<void> {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    const ending = withinTime(Promise.resolve(open.chunks.return?.()), {
      ms: CLOSE_TIMEOUT_MS,
      clock: this.#clock,
    });
    await ending.catch(() => undefined);
    open.control.abort();
  }

  #known(offset: number): Uint8Array | undefined {
    const block = this.#blocks.find(one => offset >= one.offset && offset < one.offset + one.bytes.length);
    return block?.bytes.subarray(offset - block.offset);
  }

  /** The earlier read is ended first: a device may support only one. */
  async #seek(offset: number): Promise<void> {
    if (this.#open && this.#position === offset) return;
    await this.close();
    const control = new AbortController();
    const chunks = this.#source.read(this.#file, offset, control.signal)[Symbol.asyncIterator]();
    this.#open = { chunks, control };
    this.#position = offset;
  }

  async #next(): Promise<IteratorResult<Uint8Array, unknown>> {
    return this.#open?.chunks.next() ?? { done: true, value: undefined };
  }
}
