import { FTPError, type FTPResponse } from 'basic-ftp';

/** "Not there" and "not a regular file" (RFC 3659 section 4.1). */
export const NO_SUCH_FILE = 550;
/** The command, or its parameter, is unknown or not implemented (RFC 959 section 4.2). */
export const UNKNOWN_COMMAND: readonly number[] = [500, 501, 502, 504];

/** From the answer to SIZE (RFC 3659 section 4). */
export function sizeIn(reply: FTPResponse): number | undefined {
  if (reply.code === NO_SUCH_FILE) return undefined;
  if (reply.code >= 400) throw new FTPError(reply);
  const size = /^\d{3}[ -](\d+)/.exec(reply.message)?.[1];
  if (!Number.isSafeInteger(Number(size))) throw new Error(`no size in the answer to SIZE: ${reply.message}`);
  return Number(size);
}

/** `YYYYMMDDhhmmss`, in UTC. */
function timeOf(stamp: string): number | undefined {
  const time = Date.parse(stamp.replace(/(....)(..)(..)(..)(..)(..)/, '$1-$2-$3T$4:$5:$6Z'));
  return Number.isNaN(time) ? undefined : time;
}

/** From the answer to MDTM, ms since the Unix epoch. */
export const timeIn = (reply: FTPResponse | undefined): number | undefined =>
  reply && /^213 \d{14}/.test(reply.message) ? timeOf(reply.message.slice(4, 18)) : undefined;

/** Whether the server does not know the command, or not with that parameter. */
export const isUnknownCommand = (error: unknown): boolean =>
  error instanceof FTPError && UNKNOWN_COMMAND.includes(error.code);

export const isRefusal = (error: unknown): error is FTPError =>
  error instanceof FTPError && error.code >= 500;

/** Whether the reply is the usual one to a missing right (vsftpd, ProFTPD and IIS: 550; others: 553, RFC 959 section 5.4). */
export const isForbidden = (error: unknown): error is FTPError =>
  isRefusal(error) && [NO_SUCH_FILE, 553].includes(error.code);
