import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { posix } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { FTPError, type AccessOptions } from 'basic-ftp';
import { FileSyncError } from '../../errors.js';
import type { ByteStream, Checksum, Clock } from '../../ports.js';
import { flushed, takenBytes } from '../send-queue.js';
import { RawClient, type ServerFeatures } from './client.js';
import { digestIn, digestOf, type ServerDigest } from './digests.js';
import type { Encryption } from './errors.js';
import { entryInMlst, listFolder, type AskForListing, type FtpEntry, type ListingSink } from './listing.js';
import { toWire } from './names.js';
import { skipping } from './skipping.js';
import { isRefusal, isUnknownCommand, NO_SUCH_FILE, sizeIn, timeIn, UNKNOWN_COMMAND } from './replies.js';

/** An upload that is not longer is sent, even on the slowest link, long before the timeout for the reply. */
const MAX_UNFLUSHED_BYTES = 16 * 1024;

/** A connection that was used within this time is taken for alive. */
const RECENTLY_USED_MS = 2000;

/** How a session is opened. */
export interface Login {
  readonly secure: boolean | 'implicit';
  /** ms of silence after which a server counts as offline; also the limit for a login. */
  readonly timeout: number;
  readonly clock: Clock;
  readonly features: ServerFeatures;
  /** Logs a line of the control connection. */
  debug(line: string): void;
  /** Called for each connection: a password or a certificate may have been renewed. */
  access(): Promise<AccessOptions>;
}

/** The size and the time of a file on the server. */
export interface Facts {
  /** Bytes. */
  readonly size: number;
  /** ms since the Unix epoch. */
  readonly modified?: number;
}

/** The state of an upload after all its bytes were sent. */
export interface UploadState {
  /** Bytes of the partial upload; undefined if it does not exist. */
  readonly size: number | undefined;
  /** Bytes of the file that already has the final name. */
  readonly taken: number | undefined;
  /** Defined if it was requested and the server could compute it. */
  readonly digest: string | undefined;
}

/** One connection and the commands that are used. Paths are absolute. Methods reject with basic-ftp's errors. */
export class FtpSession {
  /** Whether the server admitted the connection when it was last opened. */
  hasLoggedIn = false;
  readonly #login: Login;
  readonly #client: RawClient;
  readonly #closed = new AbortController();
  #digest: ServerDigest | undefined;
  /** When the last operation ended. */
  #used = -Infinity;
  #isIdle = false;
  #watching = false;
  #supportsMdtm = true;

  constructor(login: Login) {
    this.#login = login;
    this.#client = new RawClient(login.timeout, login.features, line => login.debug(line));
  }

  get encryption(): Encryption {
    if (this.#login.secure === false) return 'off';
    return this.#client.ftp.hasTLS ? 'on' : 'missing';
  }

  /** The algorithm of `digest`; undefined if the server computes none. */
  get digestAlgorithm(): ServerDigest['algorithm'] | undefined {
    return this.#digest?.algorithm;
  }

  /** Connects and logs in. Rejects after `close`. */
  async open(): Promise<void> {
    this.hasLoggedIn = false;
    const access = await this.#login.access();
    await this.#logIn(access).catch((error: unknown) => this.#logInWithoutPipeline(access, error));
    this.#digest = digestOf(this.#client.serverFeatures);
    this.#client.limitPace(this.#login.clock);
    this.hasLoggedIn = true;
  }

  /** Whether the connection is still open on both sides (servers close idle connections). */
  async isAlive(): Promise<boolean> {
    this.#isIdle = false;
    const isFresh = this.#isFresh();
    await this.#client.settlePreopened(isFresh);
    if (this.#client.closed) return false;
    if (isFresh) return true;
    return this.#client.send('NOOP').then(
      () => true,
      () => false,
    );
  }

  /** To be called when an operation has succeeded. */
  used(): void {
    this.#used = this.#login.clock.monotonic();
    this.#isIdle = true;
    if (!this.#watching && this.#client.hasPreopened) void this.#watchPreopened().catch(ignore);
  }

  /** Bytes of a regular file; undefined if there is none. */
  async size(path: string): Promise<number | undefined> {
    const [size] = await this.sizes([path]);
    return size;
  }

  /** As `size`, for several files. */
  async sizes(paths: readonly string[]): Promise<(number | undefined)[]> {
    return (await this.#client.pipeline(paths.map(sizeCommand))).map(sizeIn);
  }

  /** Of a regular file; undefined if there is none. Without MLST and SIZE, the file's folder is listed. */
  async facts(path: string): Promise<Facts | undefined> {
    const answer = this.#client.serverFeatures.has('MLST') ? this.#mlst(path) : this.#sizeAndTime(path);
    return answer.catch((error: unknown) => {
      if (isUnknownCommand(error)) return this.listed(path);
      throw error;
    });
  }

  /**
   * Lists a folder; resolves to false if there is no such folder. The folder is entered first, since servers answer LIST of a
   * missing folder with an empty listing.
   */
  async list(path: string, sink: ListingSink): Promise<boolean> {
    if (!(await this.isFolder(path))) return false;
    const ask: AskForListing = (command, line) => this.#client.listing(command, line);
    await listFolder(ask, this.#client.serverFeatures.has('MLST'), sink);
    return true;
  }

  /** As `facts`, from the listing of the file's folder. Rejects if the file may be in a line that cannot be parsed. */
  async listed(path: string): Promise<Facts | undefined> {
    const name = posix.basename(path);
    let found: Facts | undefined;
    let gap: string | undefined;
    await this.list(posix.dirname(path), {
      entry: entry => {
        if (entry.kind === 'file' && entry.name === name) found = factsOf(entry);
      },
      skipped: ignore,
      unreadable: why => (gap ??= why),
    });
    if (found || gap === undefined) return found;
    throw new FileSyncError('protocol', `listing incomplete: ${gap}`);
  }

  /** Last changes in ms since the Unix epoch (MDTM, RFC 3659 section 3); undefined where the server does not report one. */
  async modified(paths: readonly string[]): Promise<(number | undefined)[]> {
    const [first, ...rest] = paths;
    if (!this.#supportsMdtm || first === undefined) return paths.map(() => undefined);
    // The first one shows whether the server knows the command at all.
    const replies = await this.#client.pipeline([`MDTM ${toWire(first)}`]);
    this.#supportsMdtm = !replies.some(({ code }) => UNKNOWN_COMMAND.includes(code));
    if (this.#supportsMdtm)
      replies.push(...(await this.#client.pipeline(rest.map(path => `MDTM ${toWire(path)}`))));
    return paths.map((_, index) => timeIn(replies[index]));
  }

  /** The bytes from `offset` to the end, as the server has them now. Without REST the bytes before are discarded. */
  async *retrieve(path: string, offset: number): ByteStream {
    let yielded = false;
    try {
      for await (const chunk of this.#download(path, offset)) {
        yielded = true;
        yield chunk;
      }
    } catch (error) {
      if (yielded || offset === 0 || !isRefusal(error)) throw error;
      yield* skipping(this.#download(path, 0), offset);
    }
  }

  async isFolder(path: string): Promise<boolean> {
    return (await this.#unlessMissing(this.#client.send(`CWD ${toWire(path)}`))) !== undefined;
  }

  /**
   * Makes a folder and those above it, unless they exist. The existence is not tested before: some servers delay the
   * answer to each failed CWD more than the one before. Returns the folders that were made.
   */
  async makeFolder(path: string): Promise<readonly string[]> {
    const parts = path.split('/').slice(1);
    const folders = path === '/' ? [] : parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
    const replies = await this.#client.pipeline(folders.map(folder => `MKD ${toWire(folder)}`));
    const reply = replies.at(-1);
    if (reply && reply.code >= 400 && !(await this.isFolder(path))) throw new FTPError(reply);
    return folders.filter((_, index) => (replies[index]?.code ?? NO_SUCH_FILE) < 400);
  }

  /** Removes empty folders, in that order; those that cannot be removed stay. */
  async removeFolders(paths: readonly string[]): Promise<void> {
    await this.#client.pipeline(paths.map(path => `RMD ${toWire(path)}`));
  }

  /** Appends to the file if `offset` is not 0, else replaces it. Calls `done` with each chunk that is no longer needed. */
  async store(
    bytes: ByteStream,
    path: string,
    offset: number,
    done: (chunk: Uint8Array) => void = ignore,
  ): Promise<void> {
    const stream = Readable.from(this.#sending(bytes, done), { objectMode: false });
    stream.on('error', ignore);
    try {
      await this.#client.store(stream, offset > 0 ? 'APPE' : 'STOR', toWire(path));
    } finally {
      stream.destroy();
    }
  }

  /** Computed by the server, with `digestAlgorithm`; undefined if that failed. */
  async digest(path: string): Promise<string | undefined> {
    return digestIn(this.#digest, await this.#client.pipeline(this.#digestCommands(path)));
  }

  /** Reads the file back and computes its checksum on this machine. */
  async readChecksum(path: string): Promise<Checksum> {
    const hash = createHash('sha256');
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done();
      },
    });
    await this.#client.retrieve(sink, toWire(path));
    return { algorithm: 'sha256', value: hash.digest('hex') };
  }

  /**
   * Requests the state of an upload in one round trip, before it is renamed, and sets its time (ms since the Unix epoch).
   */
  async examine(
    part: string,
    final: string,
    { digest, modified }: { digest: boolean; modified: number | undefined },
  ): Promise<UploadState> {
    const digestCommands = digest ? this.#digestCommands(part) : [];
    const setting = modified === undefined ? [] : this.#timeCommands(part, modified);
    const sizes = [part, final].map(sizeCommand);
    const replies = await this.#client.pipeline([...digestCommands, ...setting, ...sizes]);
    const [size, taken] = replies.slice(-sizes.length).map(sizeIn);
    return { size, taken, digest: digestIn(this.#digest, replies.slice(0, digestCommands.length)) };
  }

  /**
   * RNFR and RNTO are sent together: after a refused RNFR servers refuse RNTO. ProFTPD remembers an RNFR, so no other
   * command may come between them, and the connection is closed when one fails.
   */
  async rename(from: string, to: string): Promise<void> {
    const renaming = [`RNFR ${toWire(from)}`, `RNTO ${toWire(to)}`];
    const replies = await this.#client.pipeline([...renaming, ...this.#client.preopenCommands]);
    const refusal = replies.slice(0, renaming.length).find(({ code }) => code >= 400);
    if (refusal) throw new FTPError(refusal);
    const passive = replies[renaming.length];
    if (passive) this.#client.preopen(passive);
  }

  async remove(path: string): Promise<void> {
    await this.#client.remove(toWire(path));
  }

  close(): void {
    this.#closed.abort();
    this.#client.close();
  }

  async #logIn(access: AccessOptions): Promise<void> {
    // basic-ftp would open a closed client again.
    if (this.#closed.signal.aborted) throw new Error('closed');
    const { clock, timeout } = this.#login;
    const entered = new AbortController();
    const watch = clock.sleep(timeout / 3, entered.signal).then(() => {
      if (this.#client.probing) this.#client.close();
    }, ignore);
    await this.#client.access(access).finally(() => entered.abort());
    await watch;
  }

  /** A server that failed at commands sent together gets one at a time; if that works, on all later connections too. */
  async #logInWithoutPipeline(access: AccessOptions, error: unknown): Promise<void> {
    if (!this.#client.probing || error instanceof FTPError) throw error;
    const { features } = this.#login;
    features.pipeline = false;
    await this.#logIn(access).catch((thrown: unknown) => {
      features.pipeline = true;
      throw thrown;
    });
  }

  #isFresh(): boolean {
    return this.#login.clock.monotonic() - this.#used < RECENTLY_USED_MS;
  }

  /** Servers close data connections without a transfer after a short time. */
  async #watchPreopened(): Promise<void> {
    this.#watching = true;
    try {
      do await this.#login.clock.sleep(RECENTLY_USED_MS, this.#closed.signal);
      while (this.#client.hasPreopened && this.#isFresh());
      if (this.#isIdle) await this.#client.settlePreopened(false);
    } finally {
      this.#watching = false;
    }
  }

  #digestCommands(path: string): readonly string[] {
    return this.#digest?.commands(toWire(path)) ?? [];
  }

  /** Empty unless the server has MFMT, which it may refuse. */
  #timeCommands(path: string, time: number): readonly string[] {
    if (!this.#client.serverFeatures.has('MFMT')) return [];
    const stamp = new Date(time).toISOString().slice(0, 19).replace(/\D/g, '');
    return [`MFMT ${stamp} ${toWire(path)}`];
  }

  /**
   * Yields the bytes between two waits that basic-ftp lacks. Before: basic-ftp sends before a resumed TLS session is
   * established; the end of an empty file would overtake the handshake, which servers take for an attack. After: the
   * timeout for the reply starts when the kernel has all bytes, which on a slow link is long before the server has them.
   */
  async *#sending(bytes: ByteStream, done: (chunk: Uint8Array) => void): ByteStream {
    const { dataSocket } = this.#client.ftp;
    if (dataSocket instanceof TLSSocket) {
      if (!dataSocket.authorized) await once(dataSocket, 'secureConnect');
      await new Promise(written => dataSocket.write('', written));
    }
    let sent = 0;
    const held: { readonly chunk: Uint8Array; readonly end: number }[] = [];
    for await (const chunk of bytes) {
      held.push({ chunk, end: (sent += chunk.length) });
      yield chunk;
      const taken = takenBytes(dataSocket);
      for (const { chunk } of held.splice(0, held.filter(({ end }) => end <= taken).length)) done(chunk);
    }
    if (dataSocket && sent > MAX_UNFLUSHED_BYTES)
      await flushed(dataSocket, this.#login.timeout, this.#login.clock);
  }

  async *#download(path: string, offset: number): ByteStream {
    const sink = new PassThrough();
    const transfer = this.#client.retrieve(sink, toWire(path), offset);
    transfer.catch((error: Error) => sink.destroy(error));
    yield* sink as AsyncIterable<Buffer>;
    await transfer;
  }

  async #mlst(path: string): Promise<Facts | undefined> {
    const reply = await this.#unlessMissing(this.#client.send(`MLST ${toWire(path)}`));
    const line = reply?.message.split(/\r?\n/).find(one => /^\s*[^\s=]+=\S*; /.test(one));
    const entry = line === undefined ? undefined : entryInMlst(line.trimStart());
    if (reply && !entry) return this.#sizeAndTime(path);
    return entry?.kind === 'file' ? factsOf(entry) : undefined;
  }

  async #sizeAndTime(path: string): Promise<Facts | undefined> {
    const size = await this.size(path);
    if (size === undefined) return undefined;
    const [modified] = await this.modified([path]);
    return { size, ...(modified !== undefined && { modified }) };
  }

  async #unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof FTPError && error.code === NO_SUCH_FILE) return undefined;
      throw error;
    }
  }
}

const sizeCommand = (path: string): string => `SIZE ${toWire(path)}`;

const factsOf = ({ size, modified }: FtpEntry): Facts => ({
  size,
  ...(modified !== undefined && { modified }),
});

/** The upload reports why its stream failed; an error of the stream while it is closed adds nothing. */
function ignore(): void {}
