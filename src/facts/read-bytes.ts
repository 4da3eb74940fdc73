import { throwIfAborted } from '../errors.js';
import type { RandomAccess } from './reader.js';

/** A part of a file: all of it, unless the file ends before. An offset that no file can have (offsets are read from files) is behind the end. */
export async function readBytes(
  file: RandomAccess,
  offset: number,
  length: number,
  signal: AbortSignal,
): Promise<Buffer> {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset >= file.size) return Buffer.alloc(0);
  const bytes = Buffer.allocUnsafe(Math.min(length, file.size - offset));
  return bytes.subarray(0, await fill(bytes, file, offset, signal));
}

/** Returns how many bytes there were. */
export async function fill(
  into: Buffer,
  file: RandomAccess,
  offset: number,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  while (count < into.length) {
    throwIfAborted(signal);
    const piece = await file.read(offset + count, into.length - count, signal);
    if (piece.length === 0) break;
    into.set(piece.subarray(0, into.length - count), count);
    count += piece.length;
  }
  throwIfAborted(signal);
  return Math.min(count, into.length);
}
