/** Requests and replies (mavlink.io, "File Transfer Protocol (FTP)", OpCodes). */
export const Opcode = {
  NONE: 0,
  TERMINATE_SESSION: 1,
  RESET_SESSIONS: 2,
  LIST_DIRECTORY: 3,
  OPEN_FILE_RO: 4,
  READ_FILE: 5,
  CREATE_FILE: 6,
  WRITE_FILE: 7,
  REMOVE_FILE: 8,
  CREATE_DIRECTORY: 9,
  REMOVE_DIRECTORY: 10,
  OPEN_FILE_WO: 11,
  TRUNCATE_FILE: 12,
  RENAME: 13,
  CALC_FILE_CRC32: 14,
  BURST_READ_FILE: 15,
  LIST_DIRECTORY_WITH_TIME: 16,
  ACK: 128,
  NAK: 129,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** The first data byte of a NAK; after `FAIL_ERRNO` comes the vehicle's errno. */
export const FtpErrorCode = {
  FAIL: 1,
  FAIL_ERRNO: 2,
  INVALID_DATA_SIZE: 3,
  INVALID_SESSION: 4,
  NO_SESSIONS_AVAILABLE: 5,
  EOF: 6,
  UNKNOWN_COMMAND: 7,
  FILE_EXISTS: 8,
  FILE_PROTECTED: 9,
  FILE_NOT_FOUND: 10,
} as const;
export type FtpErrorCode = (typeof FtpErrorCode)[keyof typeof FtpErrorCode];

/** Data bytes that one packet carries at most. */
export const MAX_DATA = 239;

const DATA_AT = 12;
const LENGTH = DATA_AT + MAX_DATA;

/** The payload of FILE_TRANSFER_PROTOCOL. */
export interface FtpPayload {
  /** 0 to 65535; a reply carries its request's plus one. */
  readonly sequence: number;
  readonly session: number;
  readonly opcode: number;
  /** In a reply: the opcode of the request. */
  readonly requestOpcode: number;
  readonly burstComplete: boolean;
  readonly offset: number;
  /** Bytes of `data` in use; in a read request, bytes that are requested. */
  readonly size: number;
  /** Up to 239 bytes; always 239 in a decoded payload. */
  readonly data: Uint8Array;
}

/** Returns 251 bytes; `into` are that many zeros. */
export function encodeFtpPayload(payload: FtpPayload, into: Uint8Array = new Uint8Array(LENGTH)): Uint8Array {
  const bytes = into;
  bytes[0] = payload.sequence;
  bytes[1] = payload.sequence >> 8;
  bytes[2] = payload.session;
  bytes[3] = payload.opcode;
  bytes[4] = payload.size;
  bytes[5] = payload.requestOpcode;
  bytes[6] = Number(payload.burstComplete);
  for (let at = 0; at < 4; at++) bytes[8 + at] = payload.offset >>> (8 * at);
  bytes.set(payload.data, DATA_AT);
  return bytes;
}

/** The payload that begins at `start`. `data` is a view of `bytes`. */
export function decodeFtpPayload(bytes: Uint8Array, start = 0): FtpPayload {
  const at = (index: number) => bytes[start + index] ?? 0;
  return {
    sequence: at(0) | (at(1) << 8),
    session: at(2),
    opcode: at(3),
    size: at(4),
    requestOpcode: at(5),
    burstComplete: at(6) !== 0,
    offset: (at(8) | (at(9) << 8) | (at(10) << 16) | (at(11) << 24)) >>> 0,
    data: bytes.subarray(start + DATA_AT, start + LENGTH),
  };
}

/** The data bytes in use. */
export function contentOf(payload: FtpPayload): Uint8Array {
  const { data, size } = payload;
  return size === data.length ? data : data.subarray(0, size);
}

/** The name in the protocol's documents, for messages. */
export function opcodeName(opcode: number): string {
  return nameOf(Opcode, opcode) ?? `opcode ${opcode}`;
}

/** The name in the protocol's documents, for messages. */
export function ftpErrorName(code: number): string {
  return nameOf(FtpErrorCode, code) ?? `error ${code}`;
}

function nameOf(names: Readonly<Record<string, number>>, value: number): string | undefined {
  return Object.keys(names).find(name => names[name] === value);
}
