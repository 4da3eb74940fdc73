import type { Readable, Writable } from 'node:stream';
import { Client, FTPError, type FTPResponse } from 'basic-ftp';
// Private modules: package.json pins the version, and a test checks their shape.
import {
  downloadTo,
  parseEpsvResponse,
  uploadFrom,
  type TransferConfig,
  type UploadCommand,
} from 'basic-ftp/dist/transfer.js';
import { FileSyncError } from '../../errors.js';
import type { Clock } from '../../ports.js';
import { patientSocket } from '../network.js';
import { ControlPace } from './control-pace.js';
import { LineSink } from './line-sink.js';
import type { ListReply } from './listing.js';
import { connectData, enterPassiveMode, MAX_PREOPEN_MS, type PassiveMode } from './passive-mode.js';
import { ProtocolLog } from './protocol-log.js';
import { WholeReplies } from './whole-replies.js';

/** How long the reply may take that says why a data connection broke. */
const MAX_WAIT_FOR_CAUSE_MS = 3000;
/** The server closes the control connection: no other answer follows. */
const SERVICE_CLOSING = 421;
/** The answer to PWD alone (RFC 959 section 5.4). */
const PATHNAME = 257;
/** Facts that MLSD is asked for: the same as basic-ftp's. */
const FACTS = 'type;size;modify;unique;unix.mode;unix.owner;unix.group;unix.ownername;unix.groupname;';

/** What a server supports; all connections to it share this. */
export interface ServerFeatures extends PassiveMode {
  /** It answers each of several commands that are sent together. */
  pipeline: boolean;
}

/**
 * basic-ftp's client, with raw listings and their final reply, in which servers report a truncation, and with fewer round
 * trips: independent commands are sent together, if the server supports that, and a data connection can be preopened.
 */
export class RawClient extends Client {
  readonly #features: ServerFeatures;
  #serverFeatures: ReadonlyMap<string, string> = new Map();
  readonly #debug: (line: string) => void;
  readonly #pace: ControlPace;
  #probing = false;
  readonly #closeWithError: (error: Error) => void;
  #hasDataConnection = false;
  #transferring = false;
  /** Resolves to whether the connection is open. */
  #preopened: Promise<boolean> | undefined;

  constructor(timeout: number, features: ServerFeatures, debug: (line: string) => void) {
    super(timeout);
    this.#features = features;
    this.#debug = debug;
    this.#pace = new ControlPace(this.ftp);
    this.ftp.encoding = 'latin1';
    Object.assign(this.ftp, { _newSocket: patientSocket });
    WholeReplies.on(this.ftp);
    const log = new ProtocolLog(debug);
    // basic-ftp also says QUIT on a socket that it has never connected.
    this.ftp.log = entry => {
      if (this.ftp.socket.remoteAddress !== undefined) log.add(entry);
    };
    this.#closeWithError = this.ftp.closeWithError.bind(this.ftp);
    // basic-ftp would close the control connection, too, and lose the reply that says why; the transfer fails by itself.
    this.ftp.closeWithError = error => {
      if (!this.#transferring || !isBrokenData(error)) this.#closeWithError(error);
    };
    this.prepareTransfer = ftp => enterPassiveMode(ftp, this.#features);
    const handle = this.ftp.handle.bind(this.ftp);
    this.ftp.handle = (command, answered) =>
      withoutTrace(() => this.#pace.during(answered, counted => handle(command, counted)));
  }

  /** Limits from now on the time without an answer, or without a byte of a transfer; a login is limited as a whole. */
  limitPace(clock: Clock): void {
    this.#pace.start(clock);
  }

  /** Its reply to FEAT (RFC 2389) at the last login. */
  get serverFeatures(): ReadonlyMap<string, string> {
    return this.#serverFeatures;
  }

  /** The server has not answered yet to the first commands that were sent together. */
  get probing(): boolean {
    return this.#probing;
  }

  /** basic-ftp's settings, in fewer round trips. Throws `FTPError` if the server knows no binary transfers. */
  override async useDefaultSettings(): Promise<void> {
    this.#probing = false;
    this.#serverFeatures = await this.features();
    const listing = this.#serverFeatures.has('MLST') ? [`OPTS MLST ${FACTS}`] : [];
    const encryption = this.ftp.hasTLS ? ['PBSZ 0', 'PROT P'] : [];
    const binary = (
      await this.#applySettings(['STRU F', 'OPTS UTF8 ON', ...listing, ...encryption, 'TYPE I'])
    ).at(-1);
    if (binary && binary.code >= 400) throw new FTPError(binary);
  }

  /** The answers to independent commands, in their order. A refusal is an answer as well. */
  async pipeline(commands: readonly string[]): Promise<FTPResponse[]> {
    if (this.#features.pipeline && commands.length > 0) return this.#sendPipelined(commands);
    const replies: FTPResponse[] = [];
    for (const command of commands) replies.push(await this.sendIgnoringError(command));
    return replies;
  }

  /** Calls `line` with each line of the answer, as it arrives. Each character is a byte. */
  async listing(command: string, line: (text: string) => void): Promise<ListReply> {
    const lines = new LineSink(line);
    const transfer = { command, remotePath: '', type: 'list' } as const;
    const { message } = await this.#transfer(transfer, config => downloadTo(lines, config));
    return { lines: lines.count, reply: message };
  }

  /** The bytes from `offset` on. */
  async retrieve(sink: Writable, remotePath: string, offset = 0): Promise<void> {
    const command = offset > 0 ? `REST ${offset}` : `RETR ${remotePath}`;
    await this.#closingOnError(sink, async () => {
      await this.#transfer({ command, remotePath, type: 'download' }, config => downloadTo(sink, config));
    }).finally(() => sink.end());
  }

  async store(source: Readable, command: UploadCommand, remotePath: string): Promise<void> {
    await this.#closingOnError(source, async () => {
      await this.#transfer({ command, remotePath, type: 'upload' }, config => uploadFrom(source, config));
    });
  }

  /** The command whose answer `preopen` needs; none if passive mode is entered by another command. */
  get preopenCommands(): readonly string[] {
    const { pipeline, command, together } = this.#features;
    return pipeline && command === 'EPSV' && together !== false ? ['EPSV'] : [];
  }

  /** Starts to connect for the next transfer. */
  preopen({ code, message }: FTPResponse): void {
    const host = this.ftp.socket.remoteAddress;
    if (code >= 400 || host === undefined) return;
    const opening = async (): Promise<void> =>
      connectData(this.ftp, host, parseEpsvResponse(message), MAX_PREOPEN_MS);
    this.#preopened = opening().then(
      () => this.#isOpen(),
      () => (this.#features.together = false),
    );
  }

  get hasPreopened(): boolean {
    return this.#preopened !== undefined;
  }

  /** Waits until no connection is being opened; one that is open is kept or closed. */
  async settlePreopened(keep: boolean): Promise<void> {
    if (!this.#preopened) return;
    const { dataSocket } = (await this.#preopened) ? this.ftp : {};
    if (keep && dataSocket?.readable && dataSocket.writable) return;
    this.#preopened = undefined;
    this.ftp.dataSocket = undefined;
    this.#dataClosed();
  }

  override close(): void {
    this.#pace.end();
    super.close();
    this.#dataClosed();
  }

  /** Uses the preopened data connection if it is still open, else a new one. */
  async #transfer(
    transfer: Pick<TransferConfig, 'command' | 'remotePath' | 'type'>,
    run: (config: TransferConfig) => Promise<FTPResponse>,
  ): Promise<FTPResponse> {
    const { ftp, _progressTracker: tracker } = this;
    await this.settlePreopened(true);
    if (!this.#preopened) await this.prepareTransfer(ftp);
    this.#preopened = undefined;
    this.#dataOpened();
    this.#transferring = true;
    try {
      return await run({ ...transfer, ftp, tracker });
    } catch (error) {
      throw await this.#causeOf(error);
    } finally {
      this.#transferring = false;
      this.#dataClosed();
    }
  }

  /** When only the data connection has failed, the server says why in its reply to the transfer, a moment later. */
  async #causeOf(error: unknown): Promise<unknown> {
    if (error instanceof FTPError || error instanceof FileSyncError || this.closed) return error;
    const late = setTimeout(() => this.#closeWithError(error as Error), MAX_WAIT_FOR_CAUSE_MS);
    const reply = this.ftp.handle(undefined, (one, task) => {
      if (one instanceof Error || one.code >= 200) task.resolve(one);
    });
    const cause: unknown = await reply.finally(() => clearTimeout(late));
    return cause instanceof FTPError ? cause : error;
  }

  #dataOpened(): void {
    if (this.#hasDataConnection) return;
    this.#hasDataConnection = true;
    const { remoteAddress, remotePort } = this.ftp.dataSocket ?? {};
    this.#debug(`data connection to ${remoteAddress} port ${remotePort} opened`);
  }

  #dataClosed(): void {
    if (this.#hasDataConnection) this.#debug('data connection closed');
    this.#hasDataConnection = false;
  }

  /** After the local end of a transfer has failed, the state of the connection is unknown. */
  async #closingOnError(end: Readable | Writable, transfer: () => Promise<void>): Promise<void> {
    const close = (error: Error): void => this.ftp.closeWithError(error);
    end.once('error', close);
    await transfer().finally(() => end.removeListener('error', close));
  }

  /** Closes a data connection that was opened after the control connection was closed. */
  #isOpen(): boolean {
    if (this.closed) this.ftp.dataSocket = undefined;
    else this.#dataOpened();
    return !this.closed;
  }

  /** Applies settings in one write, and finds out whether the server supports that. */
  async #applySettings(commands: readonly string[]): Promise<FTPResponse[]> {
    if (!this.#features.pipeline) return this.pipeline(commands);
    this.#probing = true;
    const replies = await this.#sendPipelined([...commands, 'PWD', 'NOOP']);
    this.#probing = false;
    const inOrder = replies.every(({ code }, index) => (code === PATHNAME) === (index === commands.length));
    if (inOrder) return replies.slice(0, commands.length);
    this.#features.pipeline = false;
    return this.pipeline(commands);
  }

  #sendPipelined(commands: readonly string[]): Promise<FTPResponse[]> {
    const replies: FTPResponse[] = [];
    const { ftp } = this;
    const answered = ftp.handle(undefined, (reply, task) => {
      const isAnswer = reply instanceof FTPError || !(reply instanceof Error);
      if (!isAnswer || reply.code === SERVICE_CLOSING) return task.reject(reply as Error);
      if (reply.code < 200) return;
      replies.push({ code: reply.code, message: reply.message });
      if (replies.length === commands.length) task.resolve(replies);
    });
    if (!ftp.closed) this.#write(commands);
    return answered as Promise<FTPResponse[]>;
  }

  #write(commands: readonly string[]): void {
    const { ftp } = this;
    const { socket } = ftp;
    socket.cork();
    try {
      for (const command of commands) ftp.send(command);
    } catch (error) {
      ftp.closeWithError(error as Error);
    } finally {
      socket.uncork();
    }
  }
}

/** A data connection that broke; silence on it is not among these. */
const isBrokenData = ({ message }: Error): boolean =>
  message.endsWith('(data socket)') && !message.startsWith('Timeout');

/** basic-ftp records a stack trace for each command, which costs more than the command. */
function withoutTrace<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
