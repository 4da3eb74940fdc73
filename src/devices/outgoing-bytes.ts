import { FileSyncError } from '../errors.js';
import type { ByteStream, Outgoing, WriteEvents } from '../ports.js';

/** How the bytes of one file are handed over. */
export interface Handover {
  /** The target's name, for errors. */
  readonly device: string;
  readonly progress: WriteEvents['progress'];
  /** Awaited before the last byte is given (before the end, if there is none). */
  beforeLast?(): Promise<void>;
}

/**
 * The file's bytes from `offset` on: exactly as many as its source promised, else it throws `changed` before the last
 * of them is given. Progress is told when a chunk has been taken.
 */
export async function* outgoingBytes(file: Outgoing, offset: number, handover: Handover): ByteStream {
  const { size } = file.source;
  let read = offset;
  let held: Uint8Array | undefined;
  for await (const chunk of file.open(offset)) {
    if (chunk.length === 0) continue;
    if (read + chunk.length > size) throw otherLength(file, handover);
    if (held) {
      yield held;
      handover.progress(read);
    }
    read += chunk.length;
    held = chunk;
  }
  if (read !== size) throw otherLength(file, handover);
  await handover.beforeLast?.();
  if (held) yield held;
  handover.progress(size);
}

function otherLength({ source }: Outgoing, { device }: Handover): FileSyncError {
  const message = `${source.path} is not of ${source.size} bytes, as it was when it was found`;
  return new FileSyncError('changed', message, { device, operation: 'write', path: source.path });
}
