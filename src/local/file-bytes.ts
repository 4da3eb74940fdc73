import type { FileHandle } from 'node:fs/promises';
import { throwIfAborted } from '../errors.js';
import type { ByteStream } from '../ports.js';
import { unless } from './disk-error.js';

/** Large enough that the calls cost nothing beside the copying, small enough to stay in the processor's cache. */
const CHUNK_BYTES = 512 * 1024;

/** The bytes from `offset` to the end. While one chunk is used, the next is being read. Does not close the handle. */
export async function* fileBytes(handle: FileHandle, offset: number, signal?: AbortSignal): ByteStream {
  let position = offset;
  let next = readAhead(handle, position);
  try {
    for (;;) {
      if (signal) throwIfAborted(signal);
      const chunk = await next;
      if (signal) throwIfAborted(signal);
      if (chunk.length === 0) return;
      position += chunk.length;
      next = readAhead(handle, position);
      yield chunk;
    }
  } finally {
    await Promise.allSettled([next]);
  }
}

/** Its error is thrown to who awaits it, or to nobody if the reader has left. */
function readAhead(handle: FileHandle, position: number): Promise<Uint8Array> {
  const reading = readChunk(handle, position);
  reading.catch(() => undefined);
  return reading;
}

async function readChunk(handle: FileHandle, position: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, position);
  return buffer.subarray(0, bytesRead);
}

/** Writes all of it; a single call may write less than it was given. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/**
 * Sets the time of the last change, ms since the epoch, where it is known. FAT lets only the mount's owner do so, though
 * others may write: the bytes matter more than their date.
 */
export async function setModified(handle: FileHandle, modified: number | undefined): Promise<void> {
  if (modified === undefined) return;
  await unless(['EPERM'], handle.utimes(modified / 1000, modified / 1000));
}
