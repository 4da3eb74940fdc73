import { FileSyncError } from '../../errors.js';
import type { FtpAnswer } from './interfaces.js';

/** Linux' errno as the FTP plugin of MAVROS returns them. */
export const Errno = {
  NOT_FOUND: 2,
  /** The path is not open at MAVROS; that call never reached the vehicle. */
  NOT_OPEN: 9,
  ACCESS: 13,
  NO_SESSIONS: 24,
  READ_ONLY: 30,
  /** The listing could not be parsed, as always with ArduPilot's. */
  BAD_LISTING: 34,
  UNKNOWN_COMMAND: 38,
  WRONG_OFFSET: 52,
  UNKNOWN_REPLY: 56,
  WRONG_SESSION: 57,
  BAD_SESSION: 77,
  LOST_SYNC: 84,
  TIMED_OUT: 110,
} as const;

/** After these the vehicle's reply may still be on its way. */
const UNSETTLED: readonly number[] = [
  Errno.WRONG_OFFSET,
  Errno.UNKNOWN_REPLY,
  Errno.WRONG_SESSION,
  Errno.LOST_SYNC,
];

/** A part of `limit` that has to have passed before TIMED_OUT is believed: the number may be an earlier call's. */
const MIN_ELAPSED_SHARE = 0.9;

/** Whether MAVROS gave up waiting after `took` ms of its `limit`. */
function timedOut({ success, r_errno }: FtpAnswer, took: number, limit: number): boolean {
  return !success && r_errno === Errno.TIMED_OUT && took >= limit * MIN_ELAPSED_SHARE;
}

/** Whether a packet of this call may come after its end. */
export function isUnsettled(answer: FtpAnswer, took: number, limit: number): boolean {
  if (answer.success) return false;
  return timedOut(answer, took, limit) || UNSETTLED.includes(answer.r_errno);
}

/** The vehicle or MAVROS refused the request. */
export class FtpRefusal extends Error {
  readonly errno: number;

  constructor(service: string, { r_errno }: FtpAnswer) {
    super(`${service} was refused with r_errno ${r_errno}`);
    this.errno = r_errno;
  }
}

/** The call failed on the way: a packet was lost or came too late. */
export function lostPacket(path: string, service: string): FileSyncError {
  return new FileSyncError(
    'timeout',
    `the vehicle did not answer ${service} of ${path} in MAVROS' time: the link loses packets or is slow; if that stays so, set transport: endpoint`,
    { path },
  );
}

/** Words for a read that was refused. */
export function readError(refusal: FtpRefusal, path: string): FileSyncError {
  if (refusal.errno !== Errno.NOT_OPEN && refusal.errno !== Errno.BAD_SESSION)
    return refusalError(refusal, path);
  const words =
    'is not open any more: MAVROS or the vehicle was restarted, or ended its sessions; it is opened again';
  return new FileSyncError('io', `${path} ${words}`, { path, cause: refusal });
}

const FORBIDDEN: readonly number[] = [Errno.ACCESS, Errno.READ_ONLY];

/** Words for what was refused; whether the file is there at all has to be known. */
export function refusalError(refusal: FtpRefusal, path: string): FileSyncError {
  const details = { path, cause: refusal };
  if (refusal.errno === Errno.NO_SESSIONS)
    return new FileSyncError(
      'busy',
      `${path} cannot be opened: the vehicle has another file open for this link, which it gives up within 30 s; it is tried again`,
      details,
    );
  if (refusal.errno === Errno.UNKNOWN_COMMAND)
    return new FileSyncError(
      'unsupported',
      `${path} cannot be served: the vehicle does not know this command; a newer firmware may`,
      details,
    );
  if (FORBIDDEN.includes(refusal.errno))
    return new FileSyncError('denied', `${path} is protected: the vehicle denies access`, details);
  const remedy = 'if that stays so, check its SD card';
  return new FileSyncError('io', `${path} failed on the vehicle: ${refusal.message}; ${remedy}`, details);
}
