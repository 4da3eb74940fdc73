import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { posix } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { FTPError, type AccessOptions } from 'basic-ftp';
import type { ByteStream, Checksum, Clock } from '../../ports.js';
import { flushed } from '../send-queue.js';
import { RawClient, type ServerFeatures } from './client.js';
import { digestIn, digestOf, type ServerDigest } from './digests.js';
import type { Encryption } from './errors.js';
import { listFolder, parseListing, type Entry, type Skipped } from './listing.js';
import { toWire } from './names.js';
import { isRefusal, isUnknownCommand, NO_SUCH_FILE, sizeIn, timeOf, UNKNOWN_COMMAND } from './replies.js';

/** Bytes that the slowest link has sent long before the time for a reply is over. */
const SOON_SENT = 16 * 1024;

/** ms within which a connection that has just been used is taken for alive. */
const RECENTLY_USED_MS = 2000;

/** How a session is opened. */
export interface Login {
  readonly secure: boolean | 'implicit';
  /** ms of silence after which a server counts as gone, and for a whole login. */
  readonly timeout: number;
  readonly clock: Clock;
  readonly features: ServerFeatures;
  /** Logs a line of the control connection. */
  debug(line: string): void;
  /** Asked for each connection: a password or a certificate may have been renewed. */
  access(): Promise<AccessOptions>;
}

/** What a server tells of a file. */
export interface Facts {
  /** Bytes. */
  readonly size: number;
  /** ms since the Unix epoch. */
  readonly modified?: number;
}

/** What a server tells of an upload that has been sent, at once. */
export interface Sent {
  /** Bytes; undefined if it is not there. */
  readonly size: number | undefined;
  /** Bytes of what has the final name already. */
  readonly taken: number | undefined;
  /** If it was asked for and could be computed. */
  readonly digest: string | undefined;
}

/** A connection and the few commands that are used. Paths are absolute. What fails is basic-ftp's error. */
export class FtpSession {
  readonly #login: Login;
  readonly #client: RawClient;
  readonly #closed = new AbortController();
  #digest: ServerDigest | undefined;
  /** When the last operation ended. */
  #used = -Infinity;
  #isIdle = false;
  #watching = false;
  #tellsTime = true;

  constructor(login: Login) {
    this.#login = login;
    this.#client = new RawClient(login.timeout, login.features, line => login.debug(line));
  }

  get encryption(): Encryption {
    if (this.#login.secure === false) return 'off';
    return this.#client.ftp.hasTLS ? 'on' : 'missing';
  }

  /** The algorithm in which `digest` answers, if it can. */
  get digestAlgorithm(): ServerDigest['algorithm'] | undefined {
    return this.#digest?.algorithm;
  }

  /** Connects and logs in; not after `close`. */
  async open(): Promise<void> {
    const access = await this.#login.access();
    await this.#enter(access).catch((error: unknown) => this.#enterSlowly(access, error));
    this.#digest = digestOf(this.#client.offers);
  }

  /** Whether it is open and the server at its other end still there (servers close idle connections). */
  async answers(): Promise<boolean> {
    this.#isIdle = false;
    const isFresh = this.#isFresh();
    await this.#client.settleAhead(isFresh);
    if (this.#client.closed) return false;
    if (isFresh) return true;
    return this.#client.send('NOOP').then(
      () => true,
      () => false,
    );
  }

  /** To be called when an operation has ended well. */
  used(): void {
    this.#used = this.#login.clock.monotonic();
    this.#isIdle = true;
    if (!this.#watching && this.#client.hasAhead) void this.#watchAhead().catch(ignore);
  }

  /** Bytes of a regular file; undefined if there is none. */
  async size(path: string): Promise<number | undefined> {
    const [size] = await this.sizes([path]);
    return size;
  }

  /** Likewise of several. */
  async sizes(paths: readonly string[]): Promise<(number | undefined)[]> {
    return (await this.#client.together(paths.map(sizeCommand))).map(sizeIn);
  }

  /** Of a regular file; undefined if there is none. Where the server has neither MLST nor SIZE, its folder is listed. */
  async facts(path: string): Promise<Facts | undefined> {
    const answer = this.#client.offers.has('MLST') ? this.#mlst(path) : this.#sizeAndTime(path);
    return answer.catch((error: unknown) => {
      if (isUnknownCommand(error)) return this.listed(path);
      throw error;
    });
  }

  /**
   * What lies in a folder; undefined if there is no such folder. It is entered first, since servers answer LIST of a
   * folder that is not there with an empty listing.
   */
  async list(path: string, skipped: Skipped = ignore): Promise<Entry[] | undefined> {
    if (!(await this.isFolder(path))) return undefined;
    return listFolder(command => this.#client.listing(command), this.#client.offers.has('MLST'), skipped);
  }

  /** Likewise, from the listing of its folder. */
  async listed(path: string): Promise<Facts | undefined> {
    const entries = await this.list(posix.dirname(path));
    const entry = entries?.find(({ name, kind }) => kind === 'file' && name === posix.basename(path));
    return entry && factsOf(entry);
  }

  /** Last change in ms since the Unix epoch (MDTM, RFC 3659 section 3); undefined if the server cannot tell. */
  async modified(path: string): Promise<number | undefined> {
    if (!this.#tellsTime) return undefined;
    const reply = await this.#client.sendIgnoringError(`MDTM ${toWire(path)}`);
    if (UNKNOWN_COMMAND.includes(reply.code)) this.#tellsTime = false;
    return /^213 \d{14}/.test(reply.message) ? timeOf(reply.message.slice(4, 18)) : undefined;
  }

  /** The bytes from `offset` to the end as the server has them now; without REST the first ones come in vain. */
  async *retrieve(path: string, offset: number): ByteStream {
    let given = false;
    try {
      for await (const chunk of this.#download(path, offset)) {
        given = true;
        yield chunk;
      }
    } catch (error) {
      if (given || offset === 0 || !isRefusal(error)) throw error;
      yield* skipping(this.#download(path, 0), offset);
    }
  }

  async isFolder(path: string): Promise<boolean> {
    return (await this.#unlessMissing(this.#client.send(`CWD ${toWire(path)}`))) !== undefined;
  }

  /**
   * Makes a folder and those above it, unless they are there. Folders are not asked for before they are made: some
   * servers answer each failed CWD later than the one before.
   */
  async makeFolder(path: string): Promise<void> {
    const parts = path.split('/').slice(1);
    const folders = path === '/' ? [] : parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
    const reply = (await this.#client.together(folders.map(folder => `MKD ${toWire(folder)}`))).at(-1);
    if (reply && reply.code >= 400 && !(await this.isFolder(path))) throw new FTPError(reply);
  }

  /** Appends to the file if `offset` is not 0, else begins it anew. Tells each chunk that is no longer needed. */
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

  /** Computed by the server, in `digestAlgorithm`; undefined if it cannot after all. */
  async digest(path: string): Promise<string | undefined> {
    return digestIn(this.#digest, await this.#client.together(this.#digestCommands(path)));
  }

  /** Read back and computed here. */
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
   * Asks in one exchange all that is to be known of an upload before it is given its final name, and sets its time (ms since
   * the Unix epoch).
   */
  async examine(
    part: string,
    final: string,
    { digest, modified }: { digest: boolean; modified: number | undefined },
  ): Promise<Sent> {
    const asked = digest ? this.#digestCommands(part) : [];
    const setting = modified === undefined ? [] : this.#timeCommands(part, modified);
    const sizes = [part, final].map(sizeCommand);
    const replies = await this.#client.together([...asked, ...setting, ...sizes]);
    const [size, taken] = replies.slice(-sizes.length).map(sizeIn);
    return { size, taken, digest: digestIn(this.#digest, replies.slice(0, asked.length)) };
  }

  /**
   * Both halves go together: after a refused RNFR servers refuse RNTO. ProFTPD remembers an RNFR whatever comes, so no
   * other command may come between them, and the connection is given up when one fails.
   */
  async rename(from: string, to: string): Promise<void> {
    const renaming = [`RNFR ${toWire(from)}`, `RNTO ${toWire(to)}`];
    const replies = await this.#client.together([...renaming, ...this.#client.aheadCommands]);
    const refusal = replies.slice(0, renaming.length).find(({ code }) => code >= 400);
    if (refusal) throw new FTPError(refusal);
    const passive = replies[renaming.length];
    if (passive) this.#client.openAhead(passive);
  }

  async remove(path: string): Promise<void> {
    await this.#client.remove(toWire(path));
  }

  close(): void {
    this.#closed.abort();
    this.#client.close();
  }

  async #enter(access: AccessOptions): Promise<void> {
    // basic-ftp would open a closed client again.
    if (this.#closed.signal.aborted) throw new Error('closed');
    const { clock, timeout } = this.#login;
    const entered = new AbortController();
    const watch = clock.sleep(timeout / 3, entered.signal).then(() => {
      if (this.#client.proving) this.#client.close();
    }, ignore);
    await this.#client.access(access).finally(() => entered.abort());
    await watch;
  }

  /** A server that was lost over commands that came together gets them one by one, for good if that works. */
  async #enterSlowly(access: AccessOptions, error: unknown): Promise<void> {
    if (!this.#client.proving || error instanceof FTPError) throw error;
    const { features: manners } = this.#login;
    manners.pipeline = false;
    await this.#enter(access).catch((thrown: unknown) => {
      manners.pipeline = true;
      throw thrown;
    });
  }

  #isFresh(): boolean {
    return this.#login.clock.monotonic() - this.#used < RECENTLY_USED_MS;
  }

  /** Servers do not bear open data connections without a transfer for long. */
  async #watchAhead(): Promise<void> {
    this.#watching = true;
    try {
      do await this.#login.clock.sleep(RECENTLY_USED_MS, this.#closed.signal);
      while (this.#client.hasAhead && this.#isFresh());
      if (this.#isIdle) await this.#client.settleAhead(false);
    } finally {
      this.#watching = false;
    }
  }

  #digestCommands(path: string): readonly string[] {
    return this.#digest?.commands(toWire(path)) ?? [];
  }

  /** Where the server offers MFMT; it may refuse. */
  #timeCommands(path: string, time: number): readonly string[] {
    if (!this.#client.offers.has('MFMT')) return [];
    const stamp = new Date(time).toISOString().slice(0, 19).replace(/\D/g, '');
    return [`MFMT ${stamp} ${toWire(path)}`];
  }

  /**
   * The bytes, between two waits that basic-ftp lacks. Before: it begins too early when it resumes a TLS session; with
   * nothing to send, the end would overtake the handshake, which servers take for an attack. After: it gives the server
   * a limited time for its reply from when the kernel has all bytes, which on a slow link is long before the server has.
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
    if (dataSocket && sent > SOON_SENT) await flushed(dataSocket, this.#login.timeout, this.#login.clock);
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
    const [entry] =
      line === undefined ? [] : parseListing(line.trimStart().replace(/ .*$/s, ' file'), ignore);
    if (reply && !entry) return this.#sizeAndTime(path);
    return entry?.kind === 'file' ? factsOf(entry) : undefined;
  }

  async #sizeAndTime(path: string): Promise<Facts | undefined> {
    const size = await this.size(path);
    if (size === undefined) return undefined;
    const modified = await this.modified(path);
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

const factsOf = ({ size, modified }: Entry): Facts => ({ size, ...(modified !== undefined && { modified }) });

/** What the kernel has copied. Of a connection with TLS it is not known: its counters are of encrypted bytes. */
function takenBytes(socket: Socket | TLSSocket | undefined): number {
  if (!socket || socket instanceof TLSSocket) return 0;
  return socket.bytesWritten - socket.writableLength;
}

/** The bytes behind the first `count`. */
async function* skipping(bytes: ByteStream, count: number): ByteStream {
  let position = 0;
  for await (const chunk of bytes) {
    const skip = Math.max(0, count - position);
    position += chunk.length;
    if (skip < chunk.length) yield chunk.subarray(skip);
  }
}

/** The upload reports why its stream broke; what the stream still says while it is closed is known already. */
function ignore(): void {}
