import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { posix } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { FTPError, type AccessOptions, type FTPResponse } from 'basic-ftp';
import type { ByteStream, Checksum, Clock } from '../../ports.js';
import { flushed } from '../send-queue.js';
import { RawClient } from './client.js';
import { digestOf, type ServerDigest } from './digests.js';
import type { Encryption } from './errors.js';
import { listFolder, parseListing, type Entry, type Skipped } from './listing.js';
import { toWire } from './names.js';

/** "Not there" and "not a regular file" (RFC 3659 section 4.1). */
const NO_SUCH_FILE = 550;
/** The command, or its parameter, is not known or not implemented (RFC 959 section 4.2). */
const UNKNOWN_COMMAND: readonly number[] = [500, 501, 502, 504];

/** Bytes that the slowest link has sent long before the time for a reply is over. */
const SOON_SENT = 16 * 1024;

/** ms within which a connection that has just been used is taken for alive. */
const FRESH = 2000;

/** How a session is opened. */
export interface Login {
  readonly secure: boolean | 'implicit';
  /** ms of silence after which a server counts as gone, and for a whole login. */
  readonly timeout: number;
  readonly clock: Clock;
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

/** A connection and the few commands that are used. Paths are absolute. What fails is basic-ftp's error. */
export class FtpSession {
  readonly #login: Login;
  readonly #client: RawClient;
  #features: ReadonlyMap<string, string> = new Map();
  #digest: ServerDigest | undefined;
  #used = -Infinity;
  #tellsTime = true;
  #closed = false;

  constructor(login: Login) {
    this.#login = login;
    this.#client = new RawClient(login.timeout);
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
    // basic-ftp would open a closed client again.
    if (this.#closed) throw new Error('closed');
    await this.#client.access(access);
    this.#features = await this.#client.features();
    this.#digest = digestOf(this.#features);
  }

  /** Whether it is open and the server at its other end still there (servers close idle connections). */
  async answers(): Promise<boolean> {
    if (this.#client.closed) return false;
    if (this.#login.clock.monotonic() - this.#used < FRESH) return true;
    return this.#client.send('NOOP').then(
      () => true,
      () => false,
    );
  }

  /** To be called when an operation has ended well. */
  used(): void {
    this.#used = this.#login.clock.monotonic();
  }

  /** Bytes of a regular file; undefined if there is none. */
  async size(path: string): Promise<number | undefined> {
    return this.#unlessMissing(this.#client.size(toWire(path)));
  }

  /** Of a regular file; undefined if there is none. Where the server has neither MLST nor SIZE, its folder is listed. */
  async facts(path: string): Promise<Facts | undefined> {
    const answer = this.#features.has('MLST') ? this.#mlst(path) : this.#sizeAndTime(path);
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
    return listFolder(command => this.#client.listing(command), this.#features.has('MLST'), skipped);
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
    let reply: FTPResponse | undefined;
    for (let end = path.indexOf('/', 1); end !== -1; end = path.indexOf('/', end + 1)) {
      await this.#client.sendIgnoringError(`MKD ${toWire(path.slice(0, end))}`);
    }
    if (path !== '/') reply = await this.#client.sendIgnoringError(`MKD ${toWire(path)}`);
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
      const name = toWire(path);
      await (offset > 0 ? this.#client.appendFrom(stream, name) : this.#client.uploadFrom(stream, name));
    } finally {
      stream.destroy();
    }
  }

  /** Computed by the server, in `digestAlgorithm`; undefined if it cannot after all. */
  async digest(path: string): Promise<string | undefined> {
    let reply = '';
    for (const command of this.#digest?.commands(toWire(path)) ?? []) {
      ({ message: reply } = await this.#client.sendIgnoringError(command));
    }
    const hex = new RegExp(`\\b[0-9a-f]{${this.#digest?.hexDigits ?? 0}}\\b`, 'i');
    return hex.exec(reply)?.[0].toLowerCase();
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
    await this.#client.downloadTo(sink, toWire(path));
    return { algorithm: 'sha256', value: hash.digest('hex') };
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#client.rename(toWire(from), toWire(to));
  }

  async remove(path: string): Promise<void> {
    await this.#client.remove(toWire(path));
  }

  /** Sets the time of the last change, ms since the Unix epoch, where the server offers MFMT; it may refuse. */
  async setModified(path: string, time: number): Promise<void> {
    if (!this.#features.has('MFMT')) return;
    const stamp = new Date(time).toISOString().slice(0, 19).replace(/\D/g, '');
    await this.#client.sendIgnoringError(`MFMT ${stamp} ${toWire(path)}`);
  }

  close(): void {
    this.#closed = true;
    this.#client.close();
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
    const transfer = this.#client.downloadTo(sink, toWire(path), offset);
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

/** `YYYYMMDDhhmmss`, in UTC. */
function timeOf(stamp: string): number | undefined {
  const time = Date.parse(stamp.replace(/(....)(..)(..)(..)(..)(..)/, '$1-$2-$3T$4:$5:$6Z'));
  return Number.isNaN(time) ? undefined : time;
}

const factsOf = ({ size, modified }: Entry): Facts => ({ size, ...(modified !== undefined && { modified }) });

/** Whether the server does not know the command, or not with that parameter. */
const isUnknownCommand = (error: unknown): boolean =>
  error instanceof FTPError && UNKNOWN_COMMAND.includes(error.code);

const isRefusal = (error: unknown): boolean => error instanceof FTPError && error.code >= 500;

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
