import { throwIfAborted } from '../../../src/errors.js';
import type { RandomAccess } from '../../../src/facts/reader.js';

export interface MemoryAccess extends RandomAccess {
  /** Bytes that have been read so far. */
  readonly bytesRead: () => number;
}

/**
 * A file in memory. What a read has returned is overwritten at the next one, as the port allows.
 *
 * @param maxRead bytes of one answer
 */
export function inMemory(bytes: Uint8Array, maxRead = Infinity): MemoryAccess {
  let answered = Buffer.alloc(0);
  let total = 0;
  return {
    size: bytes.length,
    bytesRead: () => total,
    async read(offset, length, signal) {
      throwIfAborted(signal);
      answered.fill(0xee);
      answered = Buffer.from(bytes.subarray(offset, offset + Math.min(length, maxRead)));
      total += answered.length;
      return answered;
    },
  };
}
