import type { FileRecord } from '../ports.js';
import { formatSize } from '../system/size.js';

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

export function progressOf(record: FileRecord, bytes: number, target?: string): Progress {
  const { id, device, path, size } = record;
  return { id, device, path, bytes, size, ...(target !== undefined && { target }) };
}

/** A transfer that was interrupted. */
export interface Interrupted {
  /** Of its step. */
  readonly kind: string;
  readonly target?: string | undefined;
  /** Bytes that had been transferred; undefined or 0 if none had. */
  readonly bytes?: number | undefined;
  /** The next attempt begins where this one ended. */
  readonly resumes: boolean;
  /** `cancelled`: the program ends. */
  readonly reason: string;
}

const TRANSFERS: Readonly<Record<string, string>> = {
  ...{ fetch: 'download', deliver: 'upload', stream: 'transfer' },
};

/**
 * For the log: which transfer was interrupted, how much of it is kept, and when it goes on. Undefined if nothing was transferred.
 */
export function interruptionOf(
  record: FileRecord | undefined,
  { kind, target, bytes = 0, resumes, reason }: Interrupted,
): string | undefined {
  const name = TRANSFERS[kind];
  if (!record || name === undefined || bytes === 0) return undefined;
  const { device, path, size } = record;
  const what = `${device}:${path}${target === undefined ? '' : ` -> ${target}`}: ${name}`;
  const how = reason === 'cancelled' ? 'stopped' : `interrupted (${reason})`;
  const [who, when] = reason === 'cancelled' ? ['the next run', ''] : ['it', ' when that is over'];
  const amount = `${formatSize(bytes)} of ${formatSize(size)}`;
  return resumes
    ? `${what} ${how}: kept ${amount}; ${who} resumes there${when}`
    : `${what} ${how} at ${amount}; ${who} begins again${when}, since ${target} cannot resume`;
}

/** For the log: how many delivered files are listed once more before they are removed, and in how many ms. */
export const removalWaitOf = (files: number, ms: number): string =>
  `${files} delivered files are listed once more before they are removed from their source: waiting ${Math.ceil(ms / 1000)} s`;

/** For the log: how many files may still be growing, where, and for how many ms they are waited for. */
export function settlingOf(
  scans: readonly { readonly device: string; readonly growing: readonly string[] }[],
  ms: number,
): string {
  const where = scans.map(({ device, growing }) => `${growing.length} of ${device}`).join(', ');
  return `files that may still be growing: ${where}; waiting ${Math.ceil(ms / 1000)} s until they have settled`;
}
