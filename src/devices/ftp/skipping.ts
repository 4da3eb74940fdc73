import type { ByteStream } from '../../ports.js';

/** The bytes after the first `count`. */
export async function* skipping(bytes: ByteStream, count: number): ByteStream {
  let position = 0;
  for await (const chunk of bytes) {
    const skip = Math.max(0, count - position);
    position += chunk.length;
    if (skip < chunk.length) yield chunk.subarray(skip);
  }
}
