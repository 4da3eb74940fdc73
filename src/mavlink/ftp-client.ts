import { FileSyncError, toFileSyncError } from '../errors.js';
import type { Logger } from '../ports.js';
import type { FtpReply, FtpChannel, FtpRequest, Posted, Waiting } from './ftp-channel.js';
import { acknowledged, FtpNak, isNak, protocolError, toMavlinkFtpError } from './ftp-errors.js';
import { contentOf, FtpErrorCode, MAX_DATA, Opcode, opcodeName, type FtpPayload } from './ftp-payload.js';

/** ms without a reply after which a request fails. */
const REQUEST_TIMEOUT_MS = 10_000;
/** The same for the first listing with times, which a vehicle may not know and not answer. */
const TRIAL_TIMEOUT_MS = 3_000;
/** The same for the end of a session: closing must be quick. */
const TERMINATE_TIMEOUT_MS = 1_000;
/**
 * ms without any request of ours after which a vehicle has closed an unused session, one after the other: PX4 10 s
 * (30 s from 1.18), ArduPilot 20 s, and a margin. Each request of any client, a refused open too, begins the time again.
 */
const IDLE_LIMITS_MS = [10_500, 30_500] as const;
/** Bytes a ms that a slow SD card reads while the vehicle computes a checksum. */
const MIN_CARD_BYTES_PER_MS = 100;

/** Bytes of a path that a request can carry: PX4 needs space for a NUL. */
export const MAX_PATH = MAX_DATA - 1;

/** A name that no folder has. */
const NO_SUCH_FOLDER = '/filesync-no-such-folder';

/** A file that the vehicle has opened for us. */
export interface OpenedFile {
  readonly session: number;
  /** Bytes, when it was opened. */
  readonly size: number;
}

/** A part of a file that is requested. */
export interface ReadRequest {
  readonly session: number;
  readonly offset: number;
  /** Bytes, at most 239. */
  readonly size: number;
}

/** A packet of a burst. */
export interface BurstPacket {
  readonly offset: number;
  readonly data: Uint8Array;
  /** No packet follows until the next burst request. */
  readonly last: boolean;
}

/** Receives the replies to a posted request: the data, or the NAK. */
export type Receive<Reply> = (reply: Reply | FtpNak) => void;

/**
 * The commands of MAVLink FTP. Paths are the vehicle's. Failures reject with a FileSyncError; a missing file is
 * `not-found`.
 */
export class FtpClient {
  readonly #channel: FtpChannel;
  readonly #logger: Logger;
  /** A session of this program may be open: left by a failed terminate, or by a former run that was killed. */
  #leftover = true;
  /** The vehicle lists files with their times; undefined: that is not known yet. */
  #listsTimes: boolean | undefined;
  /** The last open was sent more than once: a late copy may open the file again after the terminate. */
  #openRepeated = false;

  constructor(channel: FtpChannel, logger: Logger) {
    this.#channel = channel;
    this.#logger = logger;
  }

  /**
   * The entries of a folder from the `offset`th on, as many as fit into a packet; undefined at the end. With times where the
   * vehicle knows that command: one that refuses it, or does not answer it, and answers the plain one is not asked again.
   */
  async list(path: string, offset: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { LIST_DIRECTORY, LIST_DIRECTORY_WITH_TIME } = Opcode;
    if (this.#listsTimes === false) return this.#listed(named(LIST_DIRECTORY, path, offset), path, signal);
    const trial = this.#listsTimes === undefined;
    try {
      const limit = trial ? TRIAL_TIMEOUT_MS : REQUEST_TIMEOUT_MS;
      const entries = await this.#listed(named(LIST_DIRECTORY_WITH_TIME, path, offset), path, signal, limit);
      this.#listsTimes = true;
      return entries;
    } catch (error) {
      if (!mayBeUnknown(error, trial)) throw error;
    }
    const rest = REQUEST_TIMEOUT_MS - (trial ? TRIAL_TIMEOUT_MS : 0);
    const entries = await this.#listed(named(LIST_DIRECTORY, path, offset), path, signal, rest);
    // One that listed times until now may be another vehicle, or may have failed once: the next listing is a trial.
    this.#listsTimes = trial ? false : undefined;
    return entries;
  }

  async #listed(
    request: FtpRequest,
    path: string,
    signal: AbortSignal,
    limit = REQUEST_TIMEOUT_MS,
  ): Promise<Uint8Array | undefined> {
    try {
      return contentOf(await this.#ask(request, signal, limit));
    } catch (error) {
      if (isNak(error, FtpErrorCode.EOF)) return undefined;
      throw toMavlinkFtpError(error, path);
    }
  }

  /**
   * Opens for reading. While the vehicle has no session left, one of this program may be the reason: the vehicle gets the
   * time to close that by itself. Only then, and once, all sessions are reset: a reset ends the transfers of other programs.
   */
  async open(path: string, signal: AbortSignal): Promise<OpenedFile> {
    try {
      return await this.#open(path, signal).catch(async (error: unknown) => {
        if (!this.#leftover || !mayBeOccupied(error)) throw error;
        return this.#openLater(path, error, signal);
      });
    } catch (error) {
      throw toMavlinkFtpError(error, path);
    }
  }

  /** Up to `size` (at most 239) bytes; none at the end of the file. Rejects with an FtpNak if the session is lost. */
  async read(session: number, offset: number, size: number, signal: AbortSignal): Promise<Uint8Array> {
    try {
      return contentOf(await this.#ask({ opcode: Opcode.READ_FILE, session, offset, size }, signal)).subarray(
        0,
        size,
      );
    } catch (error) {
      if (isNak(error, FtpErrorCode.EOF)) return new Uint8Array(0);
      if (isNak(error, ...SESSION_LOST)) this.#leftover = false;
      throw error;
    }
  }

  /** Aborted when nothing will be answered any more. */
  get closed(): AbortSignal {
    return this.#channel.closed;
  }

  /** See `FtpChannel.together`. */
  together(work: () => void): void {
    this.#channel.together(work);
  }

  /** Sends one request and returns at once. Doubled replies are handed over too. */
  postRead(asked: ReadRequest, receive: Receive<Uint8Array>): Posted {
    return this.#channel.post({ opcode: Opcode.READ_FILE, ...asked }, reply => {
      receive(reply.opcode === Opcode.NAK ? new FtpNak({ reply, repeated: false }) : contentOf(reply));
    });
  }

  /** Sends one request and returns at once; each packet of the burst is handed over. */
  postBurst(asked: ReadRequest, receive: Receive<BurstPacket>): Posted {
    return this.#channel.postBurst({ opcode: Opcode.BURST_READ_FILE, ...asked }, reply => {
      if (reply.opcode === Opcode.NAK) receive(new FtpNak({ reply, repeated: false }));
      else receive({ offset: reply.offset, data: contentOf(reply), last: reply.burstComplete });
    });
  }

  /** Never rejects: a session that stays open is closed before the next open, or by the vehicle's own limit. */
  async terminate(session: number): Promise<void> {
    const waiting = { limit: TERMINATE_TIMEOUT_MS, signal: new AbortController().signal };
    try {
      const answer = await this.#channel.request({ opcode: Opcode.TERMINATE_SESSION, session }, waiting);
      this.#leftover = this.#openRepeated;
      const isNak = answer.reply.opcode === Opcode.NAK;
      this.#debug(`terminate session ${session}: ${isNak ? `NAK ${new FtpNak(answer).reason}` : 'ok'}`);
    } catch (error) {
      this.#leftover = true;
      this.#debug(`terminate session ${session}: ${toFileSyncError(error).message}`);
    }
  }

  /** CRC-32 as CalcFileCRC32 defines it. The time limit grows with `size` (bytes). */
  async checksum(path: string, size: number, signal: AbortSignal): Promise<number> {
    const limit = REQUEST_TIMEOUT_MS + size / MIN_CARD_BYTES_PER_MS;
    try {
      return uint32(await this.#ask(named(Opcode.CALC_FILE_CRC32, path), signal, limit), path);
    } catch (error) {
      if (isNak(error, FtpErrorCode.FAIL, FtpErrorCode.FAIL_ERRNO)) await this.#mustExist(path, signal);
      throw toMavlinkFtpError(error, path);
    }
  }

  /** A file that does not exist any more is a success. */
  async remove(path: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#ask(named(Opcode.REMOVE_FILE, path), signal);
    } catch (error) {
      const translated = toFileSyncError(toMavlinkFtpError(error, path));
      if (translated.kind !== 'not-found') throw translated;
    }
  }

  async #openLater(path: string, refused: unknown, signal: AbortSignal): Promise<OpenedFile> {
    const begun = this.#channel.now;
    for (const ms of IDLE_LIMITS_MS) {
      this.#logger.log(
        'info',
        `the vehicle has no file transfer session left: waiting ${ms / 1000} s for one`,
      );
      await this.#channel.rest(ms, signal);
      try {
        return await this.#open(path, signal);
      } catch (error) {
        if (!mayBeOccupied(error)) throw error;
      }
    }
    this.#leftover = false;
    if (this.#channel.othersHeardAt >= begun) throw refused;
    await this.#ask({ opcode: Opcode.RESET_SESSIONS }, signal);
    this.#debug('reset all sessions: ok');
    return this.#open(path, signal);
  }

  async #open(path: string, signal: AbortSignal): Promise<OpenedFile> {
    const before = this.#leftover;
    this.#leftover = true;
    try {
      const { reply, repeated } = await this.#exchange(named(Opcode.OPEN_FILE_RO, path), signal);
      this.#openRepeated = repeated;
      const opened = { session: reply.session, size: uint32(reply, path) };
      this.#debug(`open ${path}: session ${opened.session}, ${opened.size} bytes`);
      return opened;
    } catch (error) {
      if (error instanceof FtpNak) this.#leftover = before || error.repeated;
      throw error;
    }
  }

  /** The ACK. Rejects with an FtpNak. */
  async #ask(request: FtpRequest, signal: AbortSignal, limit = REQUEST_TIMEOUT_MS): Promise<FtpPayload> {
    return (await this.#exchange(request, signal, limit)).reply;
  }

  /**
   * The answer with an ACK. Rejects with an FtpNak. After any client's failed write, PX4 keeps the errno EEXIST and answers
   * every failure with FILE_EXISTS. A listing that must fail sets another errno.
   */
  async #exchange(request: FtpRequest, signal: AbortSignal, limit = REQUEST_TIMEOUT_MS): Promise<FtpReply> {
    const waiting = { limit, signal };
    try {
      return await this.#acknowledged(request, waiting);
    } catch (error) {
      if (!isNak(error, FtpErrorCode.FILE_EXISTS)) throw error;
      await this.#channel.request(named(Opcode.LIST_DIRECTORY, NO_SUCH_FOLDER), waiting);
      return this.#acknowledged(request, waiting);
    }
  }

  async #acknowledged(request: FtpRequest, waiting: Waiting): Promise<FtpReply> {
    try {
      return acknowledged(await this.#channel.request(request, waiting));
    } catch (error) {
      if (error instanceof FtpNak && !isExpected(error))
        this.#debug(`NAK ${opcodeName(request.opcode)} ${subjectOf(request)}: ${error.reason}`);
      throw error;
    }
  }

  #debug(message: string): void {
    this.#logger.log('debug', `FTP ${message}`);
  }

  /** PX4's NAK to a checksum is the same for a missing and for an unreadable file; its NAK to an open is not. */
  async #mustExist(path: string, signal: AbortSignal): Promise<void> {
    const { session } = await this.open(path, signal);
    await this.terminate(session);
  }
}

/** Every listing ends with EOF, and most vehicles do not know the listing with times: neither is logged. */
const isExpected = ({ opcode, code }: FtpNak): boolean =>
  code === FtpErrorCode.EOF || opcode === Opcode.LIST_DIRECTORY_WITH_TIME;

/** ArduPilot answers an unknown command with FAIL, and others may not answer it at all. */
function mayBeUnknown(error: unknown, trial: boolean): boolean {
  if (!(error instanceof FileSyncError)) return false;
  const { kind, cause } = error;
  const isRefused = kind === 'unsupported' || isNak(cause, FtpErrorCode.FAIL);
  return isRefused || (trial && (kind === 'timeout' || cause instanceof FtpNak));
}

/** NAKs to a read that say that the session is not open any more; the second one is ArduPilot's. */
export const SESSION_LOST = [FtpErrorCode.INVALID_SESSION, FtpErrorCode.FILE_NOT_FOUND] as const;

/** ArduPilot sends FAIL or INVALID_SESSION where PX4 sends NO_SESSIONS_AVAILABLE. */
function mayBeOccupied(error: unknown): boolean {
  const { NO_SESSIONS_AVAILABLE, FAIL, INVALID_SESSION } = FtpErrorCode;
  return isNak(error, NO_SESSIONS_AVAILABLE, FAIL, INVALID_SESSION);
}

function named(opcode: FtpRequest['opcode'], path: string, offset = 0): FtpRequest {
  const data = Buffer.from(path);
  return { opcode, offset, size: data.length, data };
}

/** The path that a request names, or its session. */
function subjectOf({ data, session = 0 }: FtpRequest): string {
  return data ? Buffer.from(data).toString() : `session ${session}`;
}

function uint32(reply: FtpPayload, path: string): number {
  const content = contentOf(reply);
  if (content.length < 4) throw protocolError(`an answer of ${content.length} bytes in place of 4`, path);
  return new DataView(content.buffer, content.byteOffset).getUint32(0, true);
}
