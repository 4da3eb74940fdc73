import type { Posted } from '../ftp-channel.js';

/** Bytes from the first missing to the last requested one: blocks out of order wait there. */
const MAX_SPAN_BYTES = 2 * 1024 * 1024;
/** Bytes in order that may wait for the reader before requests for new blocks stop. */
const READ_AHEAD_BYTES = 128 * 1024;
/** Requests for one block whose late replies are accepted. */
const MAX_ATTEMPTS = 4;
/** Requests for blocks that had come already, whose late replies are accepted. */
const MAX_PROBES = 12;

/** A piece of the file, requested at once. */
export interface Block {
  readonly offset: number;
  readonly size: number;
  readonly data: Uint8Array | undefined;
}

interface Slot extends Block {
  size: number;
  data: Uint8Array | undefined;
  attempts: Posted[];
}

/**
 * The part of a span in flight: its blocks in order, missing ones included. Blocks follow each other without a gap from
 * the first byte that the reader has not got to the last requested one. Holds at most 2 MiB, and the 128 KiB that the
 * reader may lag behind.
 */
export class Blocks {
  readonly #end: number;
  /** By offset. */
  readonly #slots = new Map<number, Slot>();
  /** Requests for blocks that had come already: probes, whose replies are measured. */
  readonly #probes: Posted[] = [];
  #head: number;
  #frontier: number;
  #next: number;

  constructor({ offset, end }: { readonly offset: number; readonly end: number }) {
    this.#end = end;
    this.#head = offset;
    this.#frontier = offset;
    this.#next = offset;
  }

  /** Offset of the first byte that the reader has not got. */
  get head(): number {
    return this.#head;
  }

  /** Bytes in order for the reader. */
  get ready(): number {
    return this.#frontier - this.#head;
  }

  /** Bytes that are held, or reserved for requested blocks. */
  get held(): number {
    return this.#next - this.#head;
  }

  /** Every byte of the span has come. */
  get complete(): boolean {
    return this.#frontier === this.#end;
  }

  /** The first missing block. */
  get firstMissing(): Block | undefined {
    return this.#slots.get(this.#frontier);
  }

  /** The next new block; undefined at the end of the span or while there is no space. */
  grow(size: number): Block | undefined {
    const isFull = this.#next - this.#frontier >= MAX_SPAN_BYTES || this.ready >= READ_AHEAD_BYTES;
    return isFull ? undefined : this.#append(size);
  }

  /** The block at an offset, as of a burst packet; blocks before it count as missing. */
  at(offset: number, size: number): Block | undefined {
    while (this.#next <= offset) if (!this.grow(size)) return undefined;
    return this.#slots.get(offset);
  }

  /** Keeps the request. Its replies are accepted until the block has come, or until `forgetAll` if it has come already. */
  attempted(block: Block, posted: Posted): void {
    const slot = this.#slots.get(block.offset);
    const [posts, limit] = slot && !slot.data ? [slot.attempts, MAX_ATTEMPTS] : [this.#probes, MAX_PROBES];
    posts.push(posted);
    if (posts.length > limit) posts.shift()?.forget();
  }

  /** Puts data in place. If data is shorter than the block, the rest becomes a new block and is returned. */
  fill(block: Block, data: Uint8Array): Block | undefined {
    const slot = this.#slots.get(block.offset);
    if (!slot || slot.data) return undefined;
    const rest = data.length < slot.size ? this.split(slot, data.length) : undefined;
    slot.data = data.subarray(0, slot.size);
    forget(slot);
    this.#advance();
    return rest;
  }

  /** Cuts a missing block; returns the rest. */
  split(block: Block, size: number): Block | undefined {
    const slot = this.#slots.get(block.offset);
    if (!slot || slot.data || size >= slot.size) return undefined;
    const rest = this.#put(slot.offset + size, slot.size - size);
    slot.size = size;
    return rest;
  }

  /** The next bytes in order, at most `limit` but for the last block. */
  take(limit: number): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (let count = 0; count < limit && this.#head < this.#frontier;) {
      const { data } = this.#slots.get(this.#head) ?? {};
      if (!data) break;
      this.#slots.delete(this.#head);
      pieces.push(data);
      this.#head += data.length;
      count += data.length;
    }
    return Buffer.concat(pieces);
  }

  /** Replies are not accepted any more. */
  forgetAll(): void {
    for (const slot of this.#slots.values()) forget(slot);
    for (const posted of this.#probes.splice(0)) posted.forget();
  }

  #append(size: number): Block | undefined {
    if (this.#next >= this.#end) return undefined;
    const slot = this.#put(this.#next, Math.min(size, this.#end - this.#next));
    this.#next += slot.size;
    return slot;
  }

  #put(offset: number, size: number): Slot {
    const slot: Slot = { offset, size, data: undefined, attempts: [] };
    this.#slots.set(offset, slot);
    return slot;
  }

  #advance(): void {
    for (let slot = this.#slots.get(this.#frontier); slot?.data; slot = this.#slots.get(this.#frontier)) {
      this.#frontier += slot.size;
    }
  }
}

function forget(slot: Slot): void {
  for (const posted of slot.attempts) posted.forget();
  slot.attempts = [];
}
