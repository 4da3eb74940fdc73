import { FTPError, type FTPContext, type FTPResponse } from 'basic-ftp';
// Private modules: package.json pins the version, and a test checks their shape.
import { connectForPassiveTransfer, parseEpsvResponse, parsePasvResponse } from 'basic-ftp/dist/transfer.js';

/** How data connections to a server are opened; found out by the first one. */
export interface PassiveMode {
  /** The command that worked last. */
  command?: 'EPSV' | 'PASV';
  /**
   * False after a data connection failed whose EPSV was sent together with other commands: firewalls that open the ports do not see
   * a reply that shares its TCP segment with others.
   */
  together?: boolean;
}

/** How long one way of opening a data connection is tried when there is another one. */
const MAX_ATTEMPT_MS = 10_000;
export const MAX_PREOPEN_MS = 3000;

/**
 * Opens a data connection, by EPSV (RFC 2428) or, where that is refused or its port is filtered, by PASV. It leads to the host of the
 * control connection: servers behind NAT name their private address, and others must not be named (RFC 2577 section 3).
 */
export async function enterPassiveMode(ftp: FTPContext, mode: PassiveMode): Promise<FTPResponse> {
  const first = mode.command ?? 'EPSV';
  const second = first === 'EPSV' ? 'PASV' : 'EPSV';
  const failure = await attempt(ftp, first, mode, MAX_ATTEMPT_MS);
  if (!(failure instanceof Error)) return failure;
  if (ftp.closed) throw failure;
  const other = await attempt(ftp, second, mode, ftp.timeout);
  if (!(other instanceof Error)) return other;
  // A port that cannot be reached tells more than the refusal of a command.
  throw other instanceof FTPError && !(failure instanceof FTPError) ? failure : other;
}

/** The reply, or why no data connection was opened. */
async function attempt(
  ftp: FTPContext,
  command: 'EPSV' | 'PASV',
  mode: PassiveMode,
  limit: number,
): Promise<FTPResponse | Error> {
  try {
    const reply = await enter(ftp, command, limit);
    mode.command = command;
    return reply;
  } catch (error) {
    return error as Error;
  }
}

async function enter(ftp: FTPContext, command: 'EPSV' | 'PASV', limit: number): Promise<FTPResponse> {
  const reply = await ftp.request(command);
  const { message } = reply;
  const port = command === 'EPSV' ? parseEpsvResponse(message) : parsePasvResponse(message).port;
  const host = ftp.socket.remoteAddress;
  if (host === undefined) throw new Error('the control connection is closed');
  await connectData(ftp, host, port, limit);
  return reply;
}

/** @param limit ms */
export async function connectData(ftp: FTPContext, host: string, port: number, limit: number): Promise<void> {
  const { timeout } = ftp;
  const settable = ftp as { timeout: number };
  // basic-ftp reads it once, at the start.
  settable.timeout = Math.min(timeout, limit);
  const connecting = connectForPassiveTransfer(host, port, ftp);
  settable.timeout = timeout;
  await connecting;
}
