import { Writable, type Readable } from 'node:stream';
import { Client, enterPassiveModeIPv6, FTPError, type FTPResponse } from 'basic-ftp';
// Private modules: package.json pins the version, and a test checks their shape.
import {
  connectForPassiveTransfer,
  downloadTo,
  parseEpsvResponse,
  uploadFrom,
  type TransferConfig,
  type UploadCommand,
} from 'basic-ftp/dist/transfer.js';
import { ProtocolLog } from './protocol-log.js';

/** Bytes of one folder's listing that are held; basic-ftp's own limit. */
const MAX_LISTING = 40 * 1024 * 1024;
/** The server closes the connection: no other answer follows. */
const CLOSING = 421;
/** The answer to PWD alone (RFC 959 section 5.4). */
const PATHNAME = 257;
/** Facts that MLSD shall tell: those that basic-ftp asks for. */
const FACTS = 'type;size;modify;unique;unix.mode;unix.owner;unix.group;unix.ownername;unix.groupname;';

export interface Listing {
  /** A character a byte. */
  readonly text: string;
  /** The reply that ended it. */
  readonly reply: string;
}

/** What a server has shown that it bears; all connections to it share this. */
export interface ServerFeatures {
  /** It answers each of several commands that come together. */
  pipeline: boolean;
}

/**
 * basic-ftp's client, with listings as they came and the reply after them, in which servers say that it is cut short, and
 * with fewer waits: commands that need no answer of the one before go together, if the server bears that, and a data
 * connection can be opened ahead.
 */
export class RawClient extends Client {
  readonly #features: ServerFeatures;
  #offers: ReadonlyMap<string, string> = new Map();
  readonly #debug: (line: string) => void;
  #proving = false;
  #hasDataConnection = false;
  /** Resolves to whether the connection stands. */
  #ahead: Promise<boolean> | undefined;

  constructor(timeout: number, features: ServerFeatures, debug: (line: string) => void) {
    super(timeout);
    this.#features = features;
    this.#debug = debug;
    this.ftp.encoding = 'latin1';
    const log = new ProtocolLog(debug);
    // basic-ftp also says QUIT on a socket that it has never connected.
    this.ftp.log = entry => {
      if (this.ftp.socket.remoteAddress !== undefined) log.add(entry);
    };
    const handle = this.ftp.handle.bind(this.ftp);
    this.ftp.handle = (...task) => withoutTrace(() => handle(...task));
  }

  /** Its reply to FEAT (RFC 2389) at the last login. */
  get offers(): ReadonlyMap<string, string> {
    return this.#offers;
  }

  /** The server owes answers to the first commands that were sent to it together. */
  get proving(): boolean {
    return this.#proving;
  }

  /** basic-ftp's settings, in fewer waits. Throws `FTPError` if the server knows no binary transfers. */
  override async useDefaultSettings(): Promise<void> {
    this.#proving = false;
    this.#offers = await this.features();
    const listing = this.#offers.has('MLST') ? [`OPTS MLST ${FACTS}`] : [];
    const encryption = this.ftp.hasTLS ? ['PBSZ 0', 'PROT P'] : [];
    const binary = (await this.#settle(['STRU F', 'OPTS UTF8 ON', ...listing, ...encryption, 'TYPE I'])).at(
      -1,
    );
    if (binary && binary.code >= 400) throw new FTPError(binary);
  }

  /** The answers to commands of which none needs that of another, in their order. A refusal is an answer as well. */
  async together(commands: readonly string[]): Promise<FTPResponse[]> {
    if (this.#features.pipeline && commands.length > 0) return this.#inOneWrite(commands);
    const replies: FTPResponse[] = [];
    for (const command of commands) replies.push(await this.sendIgnoringError(command));
    return replies;
  }

  async listing(command: string): Promise<Listing> {
    const chunks: Buffer[] = [];
    let length = 0;
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        length += chunk.length;
        chunks.push(chunk);
        done(length > MAX_LISTING ? new Error('the listing of one folder is too long') : null);
      },
    });
    const transfer = { command, remotePath: '', type: 'list' } as const;
    const { message } = await this.#transfer(transfer, config => downloadTo(sink, config));
    return { text: Buffer.concat(chunks).toString('latin1'), reply: message };
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

  /** The command whose answer `openAhead` takes; none where another way into passive mode is in use. */
  get aheadCommands(): readonly string[] {
    return this.#features.pipeline && this.prepareTransfer === enterPassiveModeIPv6 ? ['EPSV'] : [];
  }

  /** Begins to connect for the next transfer. */
  openAhead({ code, message }: FTPResponse): void {
    const host = this.ftp.socket.remoteAddress;
    if (code >= 400 || host === undefined) return;
    const opening = async (): Promise<void> =>
      connectForPassiveTransfer(host, parseEpsvResponse(message), this.ftp);
    this.#ahead = opening().then(
      () => this.#isOpen(),
      () => false,
    );
  }

  get hasAhead(): boolean {
    return this.#ahead !== undefined;
  }

  /** Waits until no connection is being opened; one that is open is kept or let go. */
  async settleAhead(keep: boolean): Promise<void> {
    if (!this.#ahead) return;
    const { dataSocket } = (await this.#ahead) ? this.ftp : {};
    if (keep && dataSocket?.readable && dataSocket.writable) return;
    this.#ahead = undefined;
    this.ftp.dataSocket = undefined;
    this.#dataClosed();
  }

  override close(): void {
    super.close();
    this.#dataClosed();
  }

  /** Over a data connection: the one that was opened ahead, if it stands. */
  async #transfer(
    transfer: Pick<TransferConfig, 'command' | 'remotePath' | 'type'>,
    run: (config: TransferConfig) => Promise<FTPResponse>,
  ): Promise<FTPResponse> {
    const { ftp, _progressTracker: tracker } = this;
    await this.settleAhead(true);
    if (!this.#ahead) await this.prepareTransfer(ftp);
    this.#ahead = undefined;
    this.#dataOpened();
    try {
      return await run({ ...transfer, ftp, tracker });
    } finally {
      this.#dataClosed();
    }
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

  /** A transfer whose other end fails leaves the connection in a state that nobody knows. */
  async #closingOnError(end: Readable | Writable, transfer: () => Promise<void>): Promise<void> {
    const close = (error: Error): void => this.ftp.closeWithError(error);
    end.once('error', close);
    await transfer().finally(() => end.removeListener('error', close));
  }

  /** A connection that came to stand after the end is closed. */
  #isOpen(): boolean {
    if (this.closed) this.ftp.dataSocket = undefined;
    else this.#dataOpened();
    return !this.closed;
  }

  /** Sets what can be set without answers in between, and learns whether the server bears that. */
  async #settle(commands: readonly string[]): Promise<FTPResponse[]> {
    if (!this.#features.pipeline) return this.together(commands);
    this.#proving = true;
    const replies = await this.#inOneWrite([...commands, 'PWD', 'NOOP']);
    this.#proving = false;
    const inOrder = replies.every(({ code }, index) => (code === PATHNAME) === (index === commands.length));
    if (inOrder) return replies.slice(0, commands.length);
    this.#features.pipeline = false;
    return this.together(commands);
  }

  #inOneWrite(commands: readonly string[]): Promise<FTPResponse[]> {
    const replies: FTPResponse[] = [];
    const { ftp } = this;
    const answered = ftp.handle(undefined, (reply, task) => {
      const isAnswer = reply instanceof FTPError || !(reply instanceof Error);
      if (!isAnswer || reply.code === CLOSING) return task.reject(reply as Error);
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

/** basic-ftp writes down where each command came from, which costs more than the command. */
function withoutTrace<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
