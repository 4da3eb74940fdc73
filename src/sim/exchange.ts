import type { FtpErrorCode, FtpPayload } from '../mavlink/ftp-payload.js';

/** The client that sent a request, and the link back to it. */
export interface Requester {
  /** Equal for equal system, component and address. */
  readonly id: string;
  send(reply: FtpPayload): void;
  /** Resolves when the link can take another packet of a burst. */
  ready(): Promise<void>;
}

/** The content of an ACK, besides the fields that repeat the request. */
export interface Ack {
  readonly data: Uint8Array;
  /** The session, where it differs from the request's. */
  readonly session?: number;
}

export const NOTHING: Ack = { data: new Uint8Array(0) };

/** Four bytes, little-endian, for sizes and checksums. */
export function uint32(value: number): Uint8Array {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, value, true);
  return data;
}

/** A refused request. `errno` is that of the vehicle's file system; without one, an older errno may be sent. */
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
