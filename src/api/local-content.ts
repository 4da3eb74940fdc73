import { basename } from 'node:path';
import { FileSyncError } from '../errors.js';
import type { LocalStorage } from '../local/storage.js';
import type { ByteStream, FileRecord } from '../ports.js';
import { hasLocalCopy } from '../record/state.js';

/** The local copy of a file, for a client. */
export interface FileContent {
  /** Without its folder; as the source has it, so that it may contain any character. */
  readonly name: string;
  readonly size: number;
  /** Hex; undefined where it is not known. */
  readonly sha256: string | undefined;
  /** The bytes from `start` to `end`, without the one at `end`. Opened when the first byte is read. */
  read(start: number, end: number): ByteStream;
}

/** Rejects with `not-found` where there is no whole local copy. */
export async function contentOf(record: FileRecord, storage: LocalStorage): Promise<FileContent> {
  const { id, path, local, size, sha256 } = record;
  if (!hasLocalCopy(record)) throw new FileSyncError('not-found', `${id}: there is no local copy of it`);
  const there = await storage.stat(local);
  if (!there) throw new FileSyncError('not-found', `${id}: its local copy ${local} is missing`);
  if (there.size !== size)
    throw new FileSyncError('changed', `${id}: its local copy has ${there.size} bytes instead of ${size}`);
  return { name: basename(path), size, sha256, read: (start, end) => between(storage, local, start, end) };
}

async function* between(storage: LocalStorage, local: string, start: number, end: number): ByteStream {
  let left = end - start;
  if (left <= 0) return;
  for await (const chunk of storage.open(local, start, undefined, end)) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
  throw new FileSyncError('changed', `${local}: the local copy became shorter while it was read`);
}
