import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { Client, FTPError, type AccessOptions, type FTPResponse } from 'basic-ftp';
import type { ByteStream, Checksum, Clock } from '../../ports.js';
import { flushed } from '../send-queue.js';
import type { Encryption } from './errors.js';

/** A digest that a server can compute. */
interface Digest {
  readonly algorithm: 'sha256' | 'md5';
  readonly hexDigits: number;
  /** In order; the last one's reply holds the digest. */
  commands(path: string): readonly string[];
}

/** draft-bryan-ftpext-hash. */
const HASH: Digest = {
  algorithm: 'sha256',
  hexDigits: 64,
  commands: path => ['OPTS HASH SHA-256', `HASH ${path}`],
};

/** Older commands, named as their feature is; they take the file's name in quotes. */
const X_DIGESTS = [
  { feature: 'XSHA256', algorithm: 'sha256', hexDigits: 64, commands: path => [`XSHA256 "${path}"`] },
  { feature: 'XMD5', algorithm: 'md5', hexDigits: 32, commands: path => [`XMD5 "${path}"`] },
] as const satisfies readonly (Digest & { feature: string })[];

/** "Not there" and "not a regular file" (RFC 3659 section 4.1). */
const NO_SUCH_FILE = 550;

/** How a session is opened. */
export interface Login {
  readonly secure: boolean | 'implicit';
  /** ms of silence after which a server counts as gone, and for a whole login. */
  readonly timeout: number;
  readonly clock: Clock;
  /** Asked for each connection: a password or a certificate may have been renewed. */
  access(): Promise<AccessOptions>;
}

/** A connection and the few commands that are used. Paths are absolute. What fails is basic-ftp's error. */
export class FtpSession {
  readonly #login: Login;
  readonly #client: Client;
  #digest: Digest | undefined;
  #closed = false;

  constructor(login: Login) {
    this.#login = login;
    this.#client = new Client(login.timeout);
  }

  get encryption(): Encryption {
    if (this.#login.secure === false) return 'off';
    return this.#client.ftp.hasTLS ? 'on' : 'missing';
  }

  /** The algorithm in which `digest` answers, if it can. */
  get digestAlgorithm(): Digest['algorithm'] | undefined {
    return this.#digest?.algorithm;
  }

  /** Connects and logs in; not after `close`. */
  async open(): Promise<void> {
    const access = await this.#login.access();
    // basic-ftp would open a closed client again.
    if (this.#closed) throw new Error('closed');
    await this.#client.access(access);
    this.#digest = digestOf(await this.#client.features());
  }

  /** Whether it is open and the server at its other end still there (servers close idle connections). */
  async answers(): Promise<boolean> {
    if (this.#client.closed) return false;
    return this.#client.send('NOOP').then(
      () => true,
      () => false,
    );
  }

  /** Bytes of a regular file; undefined if there is none. */
  async size(path: string): Promise<number | undefined> {
    return this.#unlessMissing(this.#client.size(path));
  }

  async isFolder(path: string): Promise<boolean> {
    return (await this.#unlessMissing(this.#client.send(`CWD ${path}`))) !== undefined;
  }

  /**
   * Makes a folder and those above it, unless they are there. Folders are not asked for before they are made: some
   * servers answer each failed CWD later than the one before.
   */
  async makeFolder(path: string): Promise<void> {
    let reply: FTPResponse | undefined;
    for (let end = path.indexOf('/', 1); end !== -1; end = path.indexOf('/', end + 1)) {
      await this.#client.sendIgnoringError(`MKD ${path.slice(0, end)}`);
    }
    if (path !== '/') reply = await this.#client.sendIgnoringError(`MKD ${path}`);
    if (reply && reply.code >= 400 && !(await this.isFolder(path))) throw new FTPError(reply);
  }

  /** Appends to the file if `offset` is not 0, else begins it anew. */
  async store(bytes: ByteStream, path: string, offset: number): Promise<void> {
    const stream = Readable.from(this.#sending(bytes), { objectMode: false });
    stream.on('error', ignore);
    try {
      await (offset > 0 ? this.#client.appendFrom(stream, path) : this.#client.uploadFrom(stream, path));
    } finally {
      stream.destroy();
    }
  }

  /** Computed by the server, in `digestAlgorithm`; undefined if it cannot after all. */
  async digest(path: string): Promise<string | undefined> {
    let reply = '';
    for (const command of this.#digest?.commands(path) ?? []) {
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
    await this.#client.downloadTo(sink, path);
    return { algorithm: 'sha256', value: hash.digest('hex') };
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#client.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.#client.remove(path);
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
  async *#sending(bytes: ByteStream): ByteStream {
    const { dataSocket } = this.#client.ftp;
    if (dataSocket instanceof TLSSocket) {
      if (!dataSocket.authorized) await once(dataSocket, 'secureConnect');
      await new Promise(written => dataSocket.write('', written));
    }
    yield* bytes;
    if (dataSocket) await flushed(dataSocket, this.#login.timeout, this.#login.clock);
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

function digestOf(features: ReadonlyMap<string, string>): Digest | undefined {
  if (features.get('HASH')?.includes('SHA-256')) return HASH;
  return X_DIGESTS.find(({ feature }) => features.has(feature));
}

/** The upload reports why its stream broke; what the stream still says while it is closed is known already. */
function ignore(): void {}
