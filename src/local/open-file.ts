import {
  close,
  closeSync,
  fchmodSync,
  fdatasync,
  fstat,
  fstatSync,
  fsync,
  ftruncate,
  futimesSync,
  open,
  openSync,
  read,
  readSync,
  write,
  type PathLike,
  type Stats,
} from 'node:fs';

/** The operations on an open file; a `FileHandle` of Node has them as well. */
export interface FileAccess {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
  stat(): Promise<Stats>;
  truncate(size: number): Promise<void>;
  /** Seconds since the epoch. */
  utimes(accessed: number, modified: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  sync(): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Bytes that are read back synchronously at most. */
const MAX_SYNC_BYTES = 128 * 1024;

/**
 * An open file on a file system of this machine's own kernel. Calls that the kernel answers from memory (size and times, closing
 * a file whose bytes are on disk, reading back a small file that was written here) are synchronous, because waking another thread takes many times as long.
 */
export class OpenFile implements FileAccess {
  /** The file descriptor. */
  readonly fd: number;
  /** The file may have bytes that are not on disk. */
  #dirty = false;
  /** Bytes have been written here: the kernel has them in memory. */
  #written = false;
  #closed = false;

  /** Takes over the file descriptor, of a file without bytes that are not on disk. */
  constructor(fd: number) {
    this.fd = fd;
  }

  static open(path: PathLike, flags: number, mode?: number): Promise<OpenFile> {
    return new Promise((resolve, reject) =>
      open(path, flags, mode, (error, number) => (error ? reject(error) : resolve(new OpenFile(number)))),
    );
  }

  /** To read from, to sync a folder whose names have just been used, or to hold a folder. */
  static openSync(path: PathLike, flags: number | string = 'r'): OpenFile {
    return new OpenFile(openSync(path, flags));
  }

  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }> {
    if (this.#written && length <= MAX_SYNC_BYTES) return this.#readBack(buffer, offset, length, position);
    return new Promise((resolve, reject) =>
      read(this.fd, buffer, offset, length, position, (error, bytesRead) =>
        error ? reject(error) : resolve({ bytesRead }),
      ),
    );
  }

  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }> {
    this.#dirty = true;
    this.#written = true;
    return new Promise((resolve, reject) =>
      write(this.fd, bytes, offset, length, position, (error, bytesWritten) =>
        error ? reject(error) : resolve({ bytesWritten }),
      ),
    );
  }

  async #readBack(...[buffer, offset, length, position]: Parameters<FileAccess['read']>) {
    return { bytesRead: readSync(this.fd, buffer, offset, length, position) };
  }

  async stat(): Promise<Stats> {
    return this.#dirty ? completed(done => fstat(this.fd, done)) : fstatSync(this.fd);
  }

  truncate(size: number): Promise<void> {
    this.#dirty = true;
    return completed(done => ftruncate(this.fd, size, done));
  }

  async utimes(accessed: number, modified: number): Promise<void> {
    futimesSync(this.fd, accessed, modified);
  }

  async chmod(mode: number): Promise<void> {
    fchmodSync(this.fd, mode);
  }

  async sync(): Promise<void> {
    await completed(done => fsync(this.fd, done));
    this.#dirty = false;
  }

  async datasync(): Promise<void> {
    await completed(done => fdatasync(this.fd, done));
    this.#dirty = false;
  }

  /** A second call does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#dirty) await completed(done => close(this.fd, done));
    else closeSync(this.fd);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Resolves with the result of the call. */
function completed<Value = void>(
  call: (done: (error: Error | null, value?: Value) => void) => void,
): Promise<Value> {
  return new Promise((resolve, reject) =>
    call((error, value) => (error ? reject(error) : resolve(value as Value))),
  );
}
