import { FileSyncError } from '../errors.js';
import type { ByteStream, Outgoing, WriteEvents } from '../ports.js';

/** How the bytes of one file are sent. */
export interface Sending {
  /** The target's name, for errors. */
  readonly device: string;
  readonly progress: WriteEvents['progress'];
  /** Awaited before the last byte is yielded (before the end, if there is none). */
  beforeLast?(): Promise<void>;
}

/**
 * The file's bytes from `offset` on. Throws `changed` unless there are as many as its source listed, before the last of
 * them is yielded. Progress is reported when a chunk has been consumed.
 */
export async function* outgoingBytes(file: Outgoing, offset: number, sending: Sending): ByteStream {
  const { size } = file.source;
  let read = offset;
  let held: Uint8Array | undefined;
  for await (const chunk of file.open(offset)) {
    if (chunk.length === 0) continue;
    if (read + chunk.length > size) throw otherLength(file, sending);
    if (held) {
      yield held;
      sending.progress(read);
    }
    read += chunk.length;
    held = chunk;
  }
  if (read !== size) throw otherLength(file, sending);
  await sending.beforeLast?.();
  if (held) yield held;
  sending.progress(size);
}

function otherLength({ source }: Outgoing, { device }: Sending): FileSyncError {
  const message = `${source.path} no longer has the ${source.size} bytes that it had when it was listed`;
  return new FileSyncError('changed', message, { device, operation: 'write', path: source.path });
}
