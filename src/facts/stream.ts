import { fill } from './read-bytes.js';
import type { RandomAccess } from './reader.js';
import { Turns } from './turns.js';

const KB = 1024;
/** Bytes of one read. */
const PIECE_BYTES = 1024 * KB;
/** Bytes that are parsed without a look at the time. */
const SLICE_BYTES = 32 * KB;
/** Bytes that wait for the rest of their message: no message of the formats that are streamed is longer. */
const MAX_LEFT_BYTES = 128 * KB;

export interface Range {
  readonly from: number;
  /** Where to stop, exclusive. */
  readonly until: number;
}

/**
 * Parses as many whole messages as there are.
 *
 * @param bytes valid during the call
 * @param offset where in the file they are
 * @param isLast no more bytes follow
 * @returns how many bytes are done with; those after them are offered again, with more. A number beyond their end skips that
 *   many bytes of the file. Undefined: the rest of the file is not needed.
 */
export type Parse = (bytes: Buffer, offset: number, isLast: boolean) => number | undefined;

/** Streams a part of a file through a parser, in pieces of a megabyte and with turns for the event loop. */
export async function stream(
  file: RandomAccess,
  { from, until }: Range,
  signal: AbortSignal,
  parse: Parse,
): Promise<void> {
  const turns = new Turns(signal);
  const window = new Window(from);
  while (window.end < until) {
    const wanted = Math.min(PIECE_BYTES, until - window.end);
    const count = await fill(window.room(wanted), file, window.end, signal);
    window.add(count);
    const isEnd = count < wanted || window.end >= until;
    if (!(await parsePiece(window, isEnd, turns, parse)) || isEnd) return;
    await turns.pause();
  }
}

/** Returns whether the parser wants to go on. */
async function parsePiece(window: Window, isEnd: boolean, turns: Turns, parse: Parse): Promise<boolean> {
  for (let size = SLICE_BYTES; window.left.length > 0;) {
    const slice = window.left.subarray(0, size);
    const isAll = slice.length === window.left.length;
    const used = parse(slice, window.offset, isEnd && isAll);
    if (used === undefined) return false;
    window.drop(used);
    if (used === 0 && isAll) return window.left.length < MAX_LEFT_BYTES;
    size = used === 0 ? size + SLICE_BYTES : SLICE_BYTES;
    if (turns.due) await turns.pause();
  }
  return true;
}

/** The bytes of a file that have been read and are not done with. */
class Window {
  readonly #buffer = Buffer.allocUnsafe(PIECE_BYTES + MAX_LEFT_BYTES);
  #from = 0;
  #to = 0;
  /** Where in the file the first of them is. */
  offset: number;

  constructor(offset: number) {
    this.offset = offset;
  }

  get left(): Buffer {
    return this.#buffer.subarray(this.#from, this.#to);
  }

  /** Where in the file the next piece begins. */
  get end(): number {
    return this.offset + this.#to - this.#from;
  }

  /** Where to put that many bytes more. */
  room(count: number): Buffer {
    this.#buffer.copyWithin(0, this.#from, this.#to);
    this.#to -= this.#from;
    this.#from = 0;
    return this.#buffer.subarray(this.#to, this.#to + count);
  }

  add(count: number): void {
    this.#to += count;
  }

  /** May drop more than there is: the bytes between are not read. */
  drop(count: number): void {
    this.#from = Math.min(this.#to, this.#from + count);
    this.offset += count;
  }
}
