import type { FtpErrorCode, FtpPayload } from '../mavlink/ftp-payload.js';

/** Who sent a request, and the way back. */
export interface Requester {
  /** Equal for equal system, component and address. */
  readonly id: string;
  send(reply: FtpPayload): void;
  /** Resolves when the link can take another packet of a burst. */
  ready(): Promise<void>;
}

/** What an ACK brings, beside what it repeats of its request. */
export interface Answer {
  readonly data: Uint8Array;
  /** Where it is not the request's own. */
  readonly session?: number;
}

export const NOTHING: Answer = { data: new Uint8Array(0) };

/** Four bytes, as sizes and checksums are answered. */
export function uint32(value: number): Uint8Array {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, value, true);
  return data;
}

/** A request that is refused. `errno` is what the vehicle's file system said; without one, an older one may speak. */
export class Nak extends Error {
  readonly code: FtpErrorCode;
  readonly errno: number | undefined;

  constructor(code: FtpErrorCode, errno?: number) {
    super(`NAK ${code}`);
    this.code = code;
    this.errno = errno;
  }
}

/** The positive errno of an error that Node's file functions threw. */
export function errnoOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error)) return undefined;
  return typeof error.errno === 'number' ? -error.errno : undefined;
}
