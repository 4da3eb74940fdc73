import { FileSyncError, throwIfAborted } from '../errors.js';
import type { RandomAccess } from './reader.js';

/** An open file, such as a `FileHandle` of Node. */
interface OpenFile {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
}

/** A local file through its open handle, which the caller closes. One buffer serves all reads. */
export function accessTo(handle: OpenFile, size: number): RandomAccess {
  let buffer = Buffer.alloc(0);
  return {
    size,
    async read(offset, length, signal) {
      throwIfAborted(signal);
      if (buffer.length < length) buffer = Buffer.allocUnsafe(length);
      const { bytesRead } = await handle.read(buffer, 0, length, offset).catch(failed);
      return buffer.subarray(0, bytesRead);
    },
  };
}

function failed(cause: unknown): never {
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new FileSyncError('io', `cannot be read: ${why}`, { operation: 'read', cause });
}
