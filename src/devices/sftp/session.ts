import type { Socket } from 'node:net';
import { posix } from 'node:path';
import ssh2, { type Client, type FileEntry, type SFTPWrapper, type Stats } from 'ssh2';
import { FileSyncError } from '../../errors.js';
import type { Clock, Space } from '../../ports.js';
import { connectTo } from '../network.js';
import { MIN_BYTES_PER_LIMIT, untilTooSlow } from '../pace.js';
import { movedBytes, timeoutError } from '../send-queue.js';
import { StatusError } from './errors.js';
import type { Login } from './login.js';

/** How a session is opened. */
export interface SessionSettings {
  readonly url: URL;
  /** ms of silence after which a server counts as offline; also the limit for a login. */
  readonly timeout: number;
  /** ms between two packets of a quiet connection; 0: none. */
  readonly keepAlive: number;
  /** As configured: absolute, or relative to where the login leads to. */
  readonly root: string;
  readonly clock: Clock;
  /** Undefined while nobody reads it. */
  readonly debug: ((line: string) => void) | undefined;
  readonly login: () => Promise<Login>;
}

/** A file or folder on the server. */
export interface SftpEntry {
  readonly kind: 'file' | 'folder' | 'other';
  /** Bytes. */
  readonly size: number;
  /** ms since the Unix epoch. */
  readonly modified?: number;
}

/** A connection that was used within this time is taken for alive. */
const RECENTLY_USED_MS = 2000;
/** ms in which a connection that was kept has to answer. */
const ALIVE_TIMEOUT_MS = 5000;
/** Packets of a quiet connection within the timeout, at least: an idle server is told apart from a frozen one. */
const MIN_KEEP_ALIVES = 3;
/** Bytes of one request, where the server does not say how many it takes (RFC 4254 packets of 32 KiB). */
const DEFAULT_REQUEST_BYTES = 31 * 1024;
/** Characters of a command's output that are read. */
const MAX_OUTPUT = 4096;

const MODE_KIND = 0o170000;
const MODE_FILE = 0o100000;
const MODE_FOLDER = 0o040000;

type Answer<Value> = (error: Error | null | undefined, value: Value) => void;

/** Flags of an opened file (draft-ietf-secsh-filexfer-02 section 6.3). */
export const openFlags = { read: 0x01, resume: 0x02, replace: 0x02 | 0x08 | 0x10 } as const;

/** A request that this server does not support: it has not been sent. */
export class UnsupportedRequest extends Error {}

/**
 * One SSH connection with one SFTP channel. Paths are absolute. Methods reject with ssh2's errors, also when the connection
 * ends: ssh2 leaves some of its callbacks without a call then.
 */
export class SftpSession {
  /** The absolute path of the device's folder; known after `open`. */
  root = '/';
  readonly #settings: SessionSettings;
  readonly #closing = new AbortController();
  readonly #pending = new Set<(error: Error) => void>();
  #socket: Socket | undefined;
  #client: Client | undefined;
  #channel: SFTPWrapper | undefined;
  #failure: Error | undefined;
  #usedAt = -Infinity;
  /** Grows with each answer and each byte that moves, and while nothing is asked. */
  #progress = 0;
  #moved = 0;
  #commands = 0;

  constructor(settings: SessionSettings) {
    this.#settings = settings;
  }

  get isOpen(): boolean {
    return this.#channel !== undefined && this.#failure === undefined;
  }

  /** Logs in. Rejects with ssh2's error, or with why the server is not trusted. */
  async open(): Promise<void> {
    const { url, timeout, login } = this.#settings;
    const { config, untrusted } = await login();
    const { signal } = this.#closing;
    this.#socket = await connectTo(url, { tls: {}, timeout, signal });
    // Each request is a short packet, which must not wait for the acknowledgement of the one before.
    this.#socket.setNoDelay(true);
    try {
      await this.#handshake(config, this.#socket);
    } catch (error) {
      throw untrusted() ?? error;
    }
    this.#channel = await this.#ask<SFTPWrapper>(done => this.#client?.sftp(done));
    this.#channel.on('error', (error: Error) => this.#fail(error));
    this.#channel.on('close', () => this.#fail(new Error('No response from server')));
    this.root = await this.#resolve(this.#settings.root);
    this.used();
  }

  /** Whether a connection that was kept still works; asks the server unless it has just been used. */
  async isAlive(): Promise<boolean> {
    const { clock } = this.#settings;
    if (!this.isOpen) return false;
    if (clock.monotonic() - this.#usedAt < RECENTLY_USED_MS) return true;
    const over = new AbortController();
    const late = clock.sleep(ALIVE_TIMEOUT_MS, over.signal).then(
      () => this.#fail(timeoutError()),
      () => undefined,
    );
    const isAlive = await this.stat(this.root).then(
      () => true,
      () => this.isOpen,
    );
    over.abort();
    await late;
    return isAlive;
  }

  used(): void {
    this.#usedAt = this.#settings.clock.monotonic();
  }

  /** Ends everything that is in progress. */
  close(): void {
    this.#closing.abort();
    this.#fail(new Error('No response from server'));
  }

  /** Closes the connection if the server gets on too slowly while something is asked of it. Ends with the signal. */
  async watch(signal: AbortSignal): Promise<void> {
    const { timeout, clock } = this.#settings;
    await untilTooSlow(() => this.#progressNow(), timeout, clock, signal);
    this.#fail(timeoutError());
  }

  /** Bytes of one write request: a longer one would be sent in parts, which overtake each other. */
  get writeBytes(): number {
    return this.#limit('_maxWriteLen');
  }

  get readBytes(): number {
    return this.#limit('_maxReadLen');
  }

  /** Follows links. */
  stat(path: string): Promise<SftpEntry> {
    return this.#request<Stats>((sftp, done) => sftp.stat(path, done)).then(entryOf);
  }

  lstat(path: string): Promise<SftpEntry> {
    return this.#request<Stats>((sftp, done) => sftp.lstat(path, done)).then(entryOf);
  }

  fstat(handle: Buffer): Promise<SftpEntry> {
    return this.#request<Stats>((sftp, done) => sftp.fstat(handle, done)).then(entryOf);
  }

  openFile(path: string, flags: number): Promise<Buffer> {
    return this.#request<Buffer>((sftp, done) => sftp.open(path, flags, done));
  }

  closeFile(handle: Buffer): Promise<void> {
    return this.#request<void>((sftp, done) => sftp.close(handle, done));
  }

  /** The bytes are copied at once. */
  write(handle: Buffer, bytes: Uint8Array, position: number): Promise<void> {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return this.#request<void>((sftp, done) => sftp.write(handle, buffer, 0, buffer.length, position, done));
  }

  /** Fewer bytes than asked for are allowed at any place; none at the end of the file. */
  read(handle: Buffer, position: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafe(length);
    return this.#request<Uint8Array>((sftp, done) =>
      sftp.read(handle, buffer, 0, length, position, (error, count) =>
        done(error, buffer.subarray(0, count)),
      ),
    );
  }

  openFolder(path: string): Promise<Buffer> {
    return this.#request<Buffer>((sftp, done) => sftp.opendir(path, done));
  }

  /** Some entries; rejects with `STATUS.EOF` after the last ones. */
  readFolder(handle: Buffer): Promise<{ name: string; entry: SftpEntry }[]> {
    return this.#request<FileEntry[]>((sftp, done) => sftp.readdir(handle as never, done)).then(entries =>
      entries.map(({ filename, longname, attrs }) => ({ name: filename, entry: entryOf(attrs, longname) })),
    );
  }

  makeFolder(path: string): Promise<void> {
    return this.#request<void>((sftp, done) => sftp.mkdir(path, done as never));
  }

  removeFolder(path: string): Promise<void> {
    return this.#request<void>((sftp, done) => sftp.rmdir(path, done));
  }

  remove(path: string): Promise<void> {
    return this.#request<void>((sftp, done) => sftp.unlink(path, done));
  }

  /** Version 3 of the protocol refuses to replace a file (draft-ietf-secsh-filexfer-02 section 6.5). */
  rename(from: string, to: string): Promise<void> {
    return this.#request<void>((sftp, done) => sftp.rename(from, to, done));
  }

  /** Rejects with `UnsupportedRequest` where the server has no such request; so do `sync` and `space`. */
  link(from: string, to: string): Promise<void> {
    return this.#request<void>((sftp, done) => sftp.ext_openssh_hardlink(from, to, done));
  }

  /** @param modified ms since the Unix epoch */
  setTime(handle: Buffer, modified: number): Promise<void> {
    const seconds = Math.floor(modified / 1000);
    return this.#request<void>((sftp, done) => sftp.futimes(handle, seconds, seconds, done));
  }

  sync(handle: Buffer): Promise<void> {
    return this.#request<void>((sftp, done) => sftp.ext_openssh_fsync(handle, done as never));
  }

  /** @returns also whether the file system is read-only */
  async space(path: string): Promise<Space & { readonly readOnly: boolean }> {
    const found = await this.#request<Record<string, number>>((sftp, done) =>
      sftp.ext_openssh_statvfs(path, done as never),
    );
    const { f_frsize: unit = 0, f_bavail: free = 0, f_blocks: total = 0, f_flag: flags = 0 } = found;
    return { free: free * unit, total: total * unit, readOnly: (Number(flags) & 1) === 1 };
  }

  /** What a command prints, run by the user's shell; undefined where that is not possible, or the command fails. */
  async run(command: string): Promise<string | undefined> {
    this.#commands++;
    try {
      return await this.#ask<string | undefined>(done => this.#exec(command, done));
    } catch (error) {
      if (!this.isOpen) throw error;
      return undefined;
    } finally {
      this.#commands--;
    }
  }

  #exec(command: string, done: Answer<string | undefined>): void {
    this.#client?.exec(command, (error, channel) => {
      if (error) return done(error, undefined);
      let output = '';
      let code: number | null = null;
      channel.on('data', (text: Buffer) => {
        if (output.length < MAX_OUTPUT) output += text.toString('latin1');
      });
      channel.stderr.resume();
      channel.on('exit', (status: number | null) => (code = status));
      channel.on('error', (failure: Error) => done(failure, undefined));
      channel.on('close', () => done(undefined, code === 0 ? output : undefined));
      // A server that runs SFTP in the place of every command ends with its input.
      channel.end();
    });
  }

  async #handshake(config: Login['config'], sock: Socket): Promise<void> {
    const { timeout, debug } = this.#settings;
    const client = new ssh2.Client();
    this.#client = client;
    client.on('error', error => this.#fail(error));
    client.on('close', () => this.#fail(new Error('No response from server')));
    const { password = '' } = config;
    client.on('keyboard-interactive', (_name, _words, _language, prompts, answer) =>
      answer(prompts.map(({ echo }) => (echo ? '' : password))),
    );
    await this.#ask<void>(done => {
      client.once('ready', () => done(undefined, undefined));
      client.connect({
        ...config,
        sock,
        readyTimeout: timeout,
        keepaliveInterval: this.#keepAlive,
        // A slow link answers late: whether the server is still there is judged by `watch`.
        keepaliveCountMax: Number.MAX_SAFE_INTEGER,
        ...(debug && { debug }),
      });
    });
  }

  get #keepAlive(): number {
    const { keepAlive, timeout } = this.#settings;
    return keepAlive === 0 ? 0 : Math.max(1, Math.min(keepAlive, Math.floor(timeout / MIN_KEEP_ALIVES)));
  }

  /** While a command runs, as one that reads a large file, the answers to keep-alives show that the server is there. */
  async #progressNow(): Promise<number> {
    const moved = this.#socket ? await movedBytes(this.#socket) : 0;
    const more = moved - this.#moved;
    this.#moved = moved;
    this.#progress += this.#commands > 0 && more > 0 ? Math.max(more, MIN_BYTES_PER_LIMIT) : more;
    if (this.#pending.size === 0) this.#progress += MIN_BYTES_PER_LIMIT;
    return this.#progress;
  }

  async #resolve(root: string): Promise<string> {
    if (root.startsWith('/')) return posix.resolve('/', root);
    const home = await this.#request<string>((sftp, done) => sftp.realpath('.', done));
    return posix.resolve('/', home, root);
  }

  #request<Value>(start: (sftp: SFTPWrapper, done: Answer<Value>) => void): Promise<Value> {
    const sftp = this.#channel;
    if (!sftp) return Promise.reject(this.#failure ?? new Error('Not connected'));
    return this.#ask(done => {
      try {
        start(sftp, (error, value) => done(error && refusalOf(error), value));
      } catch (error) {
        throw /extended request/.test(String(error)) ? new UnsupportedRequest() : error;
      }
    });
  }

  /** The answer to a request, or the connection's error. */
  #ask<Value>(start: (done: Answer<Value>) => void): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#pending.add(reject);
      const done: Answer<Value> = (error, value) => {
        this.#pending.delete(reject);
        this.#progress += MIN_BYTES_PER_LIMIT;
        if (error) reject(error);
        else resolve(value);
      };
      try {
        start(done);
      } catch (error) {
        done(error as Error, undefined as never);
      }
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const reject of pending) reject(this.#failure);
    this.#socket?.destroy();
  }

  /** Private to ssh2, which learns it from `limits@openssh.com`; package.json pins the version, and a test checks it. */
  #limit(name: '_maxReadLen' | '_maxWriteLen'): number {
    const value: unknown = this.#channel && Reflect.get(this.#channel, name);
    return typeof value === 'number' && value > 0
      ? Math.min(value, MAX_REQUEST_BYTES)
      : DEFAULT_REQUEST_BYTES;
  }
}

/** Status codes are numbers; errors of connections have numbers of another kind, and do not come this way. */
const refusalOf = (error: Error): Error =>
  'code' in error && typeof error.code === 'number' ? new StatusError(error.message, error.code) : error;

/** Bytes; what OpenSSH takes. */
const MAX_REQUEST_BYTES = 255 * 1024;

/** Where a server sends no mode, the first letter of its long line says what an entry is. */
function entryOf(
  { mode, size, mtime }: Partial<Pick<Stats, 'mode' | 'size' | 'mtime'>>,
  longname = '',
): SftpEntry {
  const kind: SftpEntry['kind'] =
    mode === undefined ? (KINDS[longname.charAt(0)] ?? 'other') : kindOf(mode & MODE_KIND);
  if (!Number.isSafeInteger(size ?? 0) || (size ?? 0) < 0)
    throw new FileSyncError('protocol', `the server sent an impossible size (${size})`);
  return { kind, size: size ?? 0, ...(mtime !== undefined && { modified: mtime * 1000 }) };
}

const KINDS: Readonly<Record<string, SftpEntry['kind']>> = { '-': 'file', d: 'folder' };

const kindOf = (bits: number): SftpEntry['kind'] =>
  bits === MODE_FILE ? 'file' : bits === MODE_FOLDER ? 'folder' : 'other';
