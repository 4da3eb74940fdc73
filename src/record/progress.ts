import type { FileRecord } from '../ports.js';

/** The progress of a running transfer. */
export interface Progress {
  readonly id: string;
  readonly device: string;
  readonly path: string;
  /** The target of an upload; absent for a download. */
  readonly target?: string;
  /** Bytes that have been transferred, those of earlier attempts included. */
  readonly bytes: number;
  /** Bytes in all. */
  readonly size: number;
}

/** A transfer that is under way. */
export interface Transfer extends Progress {
  /** In the last seconds; 0 while that is not known. */
  readonly bytesPerSecond: number;
}

export function progressOf(record: FileRecord, bytes: number, target?: string): Progress {
  const { id, device, path, size } = record;
  return { id, device, path, bytes, size, ...(target !== undefined && { target }) };
}
