import { throwIfAborted } from '../errors.js';
import type { ByteStream } from '../ports.js';
import { ChunkPool } from './chunk-pool.js';
import { unless } from './disk-error.js';
import type { FileAccess } from './open-file.js';

/** Large enough that the calls cost little compared with the copying, small enough for the processor's cache. */
const CHUNK_BYTES = 512 * 1024;

/**
 * The bytes from `offset` to the end of the file. While one chunk is used, the next is being read. Does not close the handle.
 * With a known `size`, bytes, small files need no large buffer and no second read for their end. Chunks that are given back to
 * the `pool` are reused.
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
      // The read that reached the known size had asked for one byte more, and there was none.
      ended = position === size && chunk.length < chunk.buffer.byteLength;
      if (!ended) next = readAhead(handle, position, size, pool);
      yield chunk;
    }
  } finally {
    await Promise.allSettled([next]);
  }
}

/** The error is thrown when the promise is awaited; it is ignored if the reader has left. */
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

/** Writes all bytes; a single call may write only a part. */
export async function writeAll(handle: FileAccess, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** A run of zeros that is at least that long becomes a hole. */
const HOLE_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(HOLE_BYTES);

/** As `writeAll`, at the end of the file: long runs of zeros take no space on disk, as in the sparse file that they come from. */
export async function appendAll(handle: FileAccess, bytes: Uint8Array, position: number): Promise<void> {
  let begin = 0;
  for (let at = 0; at < bytes.length;) {
    const end = endOfZeros(bytes, at);
    if (end === at) {
      at = Math.min(at + HOLE_BYTES, bytes.length);
      continue;
    }
    await writeAll(handle, bytes.subarray(begin, at), position + begin);
    await handle.truncate(position + end);
    begin = at = end;
  }
  await writeAll(handle, bytes.subarray(begin), position + begin);
}

/** Of the whole blocks of zeros that begin at `at`. */
function endOfZeros(bytes: Uint8Array, at: number): number {
  let end = at;
  while (end + HOLE_BYTES <= bytes.length && ZEROS.equals(bytes.subarray(end, end + HOLE_BYTES)))
    end += HOLE_BYTES;
  return end;
}

/**
 * Sets the time of the last change, ms since the epoch, where it is known. FAT allows that only to the mount's owner, though
 * others may write: EPERM is ignored, because the bytes matter more than their date.
 */
export async function setModified(handle: FileAccess, modified: number | undefined): Promise<void> {
  if (modified === undefined) return;
  await unless(['EPERM'], handle.utimes(modified / 1000, modified / 1000));
}
