import { throwIfAborted } from '../errors.js';
import type { ByteStream } from '../ports.js';
import { ChunkPool } from './chunk-pool.js';
import { unless } from './disk-error.js';
import type { FileAccess } from './open-file.js';

/** Large enough that the calls cost nothing beside the copying, small enough to stay in the processor's cache. */
const CHUNK_BYTES = 512 * 1024;

/**
 * The bytes from `offset` to the end, wherever that is. While one chunk is used, the next is being read. Does not close the
 * handle. A `size` that is known, bytes, spares small files large buffers and a second look for their end. Chunks that
 * are given back to the `pool` are filled again.
 */
export async function* fileBytes(
  handle: FileAccess,
  offset: number,
  signal?: AbortSignal,
  size = Infinity,
  pool = new ChunkPool(),
): ByteStream {
  let position = offset;
  let next = readAhead(handle, position, size, pool);
  try {
    for (let ended = false; !ended;) {
      if (signal) throwIfAborted(signal);
      const chunk = await next;
      if (signal) throwIfAborted(signal);
      if (chunk.length === 0) return;
      position += chunk.length;
      // The reading that reached the known size had asked for more, and there was none.
      ended = position === size && chunk.length < chunk.buffer.byteLength;
      if (!ended) next = readAhead(handle, position, size, pool);
      yield chunk;
    }
  } finally {
    await Promise.allSettled([next]);
  }
}

/** Its error is thrown to who awaits it, or to nobody if the reader has left. */
function readAhead(handle: FileAccess, position: number, size: number, pool: ChunkPool): Promise<Uint8Array> {
  const rest = size - position;
  const length = rest >= 0 ? Math.min(CHUNK_BYTES, rest + 1) : CHUNK_BYTES;
  const reading = readChunk(handle, position, pool.take(length));
  reading.catch(() => undefined);
  return reading;
}

async function readChunk(handle: FileAccess, position: number, buffer: Buffer): Promise<Uint8Array> {
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
  return buffer.subarray(0, bytesRead);
}

/** Writes all of it; a single call may write less than it was given. */
export async function writeAll(handle: FileAccess, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/**
 * Sets the time of the last change, ms since the epoch, where it is known. FAT lets only the mount's owner do so, though
 * others may write: the bytes matter more than their date.
 */
export async function setModified(handle: FileAccess, modified: number | undefined): Promise<void> {
  if (modified === undefined) return;
  await unless(['EPERM'], handle.utimes(modified / 1000, modified / 1000));
}
