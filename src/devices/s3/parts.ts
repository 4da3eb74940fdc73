import { createHash } from 'node:crypto';
import type { ByteStream } from '../../ports.js';
import { itemsUntilAborted } from '../../system/deadline.js';

const MIB = 1024 * 1024;
/** What OpenStack Swift takes by default; AWS takes ten times as many. */
const MAX_PARTS = 1000;
/** Of parts that are on their way at once, of one file. */
const MAX_IN_FLIGHT_BYTES = 32 * MIB;
const MAX_IN_FLIGHT = 3;

/** One part of a file; its bytes are valid until it was sent. */
export interface Part {
  /** From 1 on. */
  readonly number: number;
  readonly bytes: Buffer;
  /** MD5, hex: what its ETag must be. */
  readonly md5: string;
}

/** What the server has of an upload: its parts from the first one on, all of one size but for the last one. */
export interface HeldParts {
  /** MD5 of each, hex. */
  readonly md5s: readonly string[];
  /** Bytes of all of them. */
  readonly bytes: number;
}

export const md5Of = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

/** The ETag of a whole object that was made of these parts. */
export const etagOf = (md5s: readonly string[]): string =>
  `${md5Of(Buffer.from(md5s.join(''), 'hex'))}-${md5s.length}`;

/** Bytes of a part of a file of that size: as wanted, or more where the file would have too many parts. */
export function partSizeFor(size: number, wanted: number): number {
  const least = Math.ceil(size / MAX_PARTS);
  return least <= wanted ? wanted : Math.ceil(least / MIB) * MIB;
}

/** How many parts may be on their way at once. */
export const inFlightFor = (partSize: number): number =>
  Math.max(1, Math.min(MAX_IN_FLIGHT, Math.floor(MAX_IN_FLIGHT_BYTES / partSize)));

/** Listed parts as far as they follow one another without a gap. */
export function heldOf(
  listed: readonly { readonly number: number; readonly size: number; readonly md5: string }[],
  partSize: number,
): HeldParts {
  const md5s: string[] = [];
  let bytes = 0;
  for (const { number, size, md5 } of [...listed].sort((a, b) => a.number - b.number)) {
    if (number !== md5s.length + 1 || size > partSize || bytes % partSize !== 0) break;
    md5s.push(md5);
    bytes += size;
  }
  return { md5s, bytes };
}

/** Memory for parts, which is used again and again. */
export class PartMemory {
  readonly #size: number;
  readonly #free: Buffer[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#size);
  }

  giveBack({ bytes }: Part): void {
    this.#free.push(Buffer.from(bytes.buffer, 0, this.#size));
  }
}

export interface Cutting {
  /** Is called with each chunk whose bytes have been copied. */
  readonly used: (chunk: Uint8Array) => void;
  readonly signal: AbortSignal;
}

/**
 * Cuts a stream into parts, numbered from `first` on; their memory is to be given back. Rejects as soon as the signal aborts. The
 * stream is closed when the reader leaves.
 */
export async function* cutParts(
  bytes: ByteStream,
  first: number,
  memory: PartMemory,
  { used, signal }: Cutting,
): AsyncGenerator<Part, void> {
  const parts = partsOf(bytes, first, memory, used);
  try {
    yield* itemsUntilAborted(parts, signal);
  } finally {
    // It may wait for bytes that never come.
    parts.return().catch(ignore);
  }
}

async function* partsOf(
  bytes: ByteStream,
  first: number,
  memory: PartMemory,
  used: (chunk: Uint8Array) => void,
): AsyncGenerator<Part, void> {
  let number = first;
  let filled = 0;
  let buffer = memory.take();
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + buffer.length - filled);
      buffer.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled < buffer.length) continue;
      yield partIn(buffer, number++);
      [buffer, filled] = [memory.take(), 0];
    }
    used(chunk);
  }
  if (filled > 0) yield partIn(buffer.subarray(0, filled), number);
}

const partIn = (bytes: Buffer, number: number): Part => ({ number, bytes, md5: md5Of(bytes) });

function ignore(): void {}
