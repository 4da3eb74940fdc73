import { FileSyncError, type ErrorKind } from '../errors.js';
import type { FtpReply } from './ftp-channel.js';
import { contentOf, FtpErrorCode, ftpErrorName, Opcode, opcodeName } from './ftp-payload.js';

const ENOENT = 2;
const EACCES = 13;
const EROFS = 30;

/** A NAK of the vehicle. */
export class FtpNak extends Error {
  readonly opcode: number;
  readonly code: number;
  /** The vehicle's errno. PX4 may send that of an older failure. */
  readonly errno: number | undefined;
  /** The request was sent more than once: the NAK may be caused by its first copy. */
  readonly repeated: boolean;

  constructor({ reply, repeated }: FtpReply) {
    const [code = 0, errno] = contentOf(reply);
    super(`NAK ${ftpErrorName(code)}`);
    this.opcode = reply.requestOpcode;
    this.code = code;
    this.repeated = repeated;
    this.errno = code === FtpErrorCode.FAIL_ERRNO ? errno : undefined;
  }

  /** The name of the error, with the errno if there is one. */
  get reason(): string {
    const name = ftpErrorName(this.code);
    return this.errno === undefined ? name : `${name} (errno ${this.errno})`;
  }
}

/** Whether it is a NAK with one of these codes. */
export function isNak(thrown: unknown, ...codes: readonly FtpErrorCode[]): thrown is FtpNak {
  return thrown instanceof FtpNak && codes.some(code => code === thrown.code);
}

interface Meaning {
  readonly kind: ErrorKind;
  /** The end of the sentence that begins with the path. */
  readonly words: string;
}

const GONE: Meaning = { kind: 'not-found', words: 'is not on the vehicle any more' };
const FORBIDDEN: Meaning = { kind: 'denied', words: 'is protected: permission denied by the vehicle' };

const MEANINGS: Readonly<Partial<Record<number, Meaning>>> = {
  [FtpErrorCode.FILE_NOT_FOUND]: GONE,
  [FtpErrorCode.FILE_PROTECTED]: FORBIDDEN,
  [FtpErrorCode.NO_SESSIONS_AVAILABLE]: {
    kind: 'busy',
    words:
      'cannot be opened: another program transfers files on this link (a ground station?); retried later',
  },
  [FtpErrorCode.UNKNOWN_COMMAND]: {
    kind: 'unsupported',
    words: 'is not supported: the vehicle does not know this command; update its firmware',
  },
};
const ERRNOS: Readonly<Partial<Record<number, Meaning>>> = {
  [ENOENT]: GONE,
  [EACCES]: FORBIDDEN,
  [EROFS]: FORBIDDEN,
};

/** Translates the error of a request for this file or folder. */
export function toMavlinkFtpError(thrown: unknown, path: string): unknown {
  if (!(thrown instanceof FtpNak)) return thrown;
  const known = thrown.errno === undefined ? MEANINGS[thrown.code] : ERRNOS[thrown.errno];
  const { kind, words } = known ?? {
    kind: 'io' as const,
    words: `failed on the vehicle: ${refusal(thrown)}`,
  };
  return new FileSyncError(kind, `${path} ${words}`, { path, cause: thrown });
}

function refusal({ opcode, code, errno }: FtpNak): string {
  const said = errno === undefined ? ftpErrorName(code) : `errno ${errno}`;
  return `${opcodeName(opcode)} was answered with ${said}; if that stays so, check its SD card`;
}

/** A reply that violates the protocol. */
export function protocolError(what: string, path: string): FileSyncError {
  return new FileSyncError('protocol', `the vehicle's file transfer answered wrongly: ${what} (${path})`, {
    path,
  });
}

/** The answer if it is an ACK. Throws an FtpNak for a NAK. */
export function acknowledged(answer: FtpReply): FtpReply {
  if (answer.reply.opcode === Opcode.NAK) throw new FtpNak(answer);
  return answer;
}
