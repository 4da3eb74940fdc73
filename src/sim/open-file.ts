import type { FileHandle } from 'node:fs/promises';
import type { Clock } from '../ports.js';

/** Bytes that are read from the disk at once; requests of up to OVERLAP_BYTES are served from them. */
const BLOCK_BYTES = 64 * 1024;
/** Bytes of the longest read. Blocks overlap by it, so that every read lies within one block. */
const OVERLAP_BYTES = 255;
/** Blocks kept: retransmissions read older blocks, and some clients read at several offsets. */
const MAX_BLOCKS = 4;
/** ms for which a block is valid: changes of the file must show, as on a vehicle. */
const MAX_CACHE_AGE_MS = 20;

interface Block {
  readonly bytes: Uint8Array;
  /** Monotonic ms until which the block is valid. */
  readonly until: number;
}

/** A file of a session; its handle stays open until the session ends. */
export class SessionFile {
  /** The vehicle's path, for messages. */
  readonly path: string;
  /** Bytes, when it was opened. */
  readonly size: number;
  readonly isDirectory: boolean;
  readonly #handle: FileHandle;
  readonly #clock: Clock;
  readonly #blocks = new Map<number, Block>();

  private constructor(handle: FileHandle, path: string, clock: Clock, stat: { size: number; dir: boolean }) {
    this.#handle = handle;
    this.path = path;
    this.#clock = clock;
    this.size = stat.size;
    this.isDirectory = stat.dir;
  }

  static async of(handle: FileHandle, path: string, clock: Clock): Promise<SessionFile> {
    const stat = await handle.stat();
    return new SessionFile(handle, path, clock, { size: stat.size, dir: stat.isDirectory() });
  }

  /** At most 255 bytes; fewer at the end of the file, none after it. The result is a view: copy it to keep it. */
  async read(offset: number, size: number): Promise<Uint8Array> {
    const start = offset - (offset % BLOCK_BYTES);
    const cached = this.#blocks.get(start);
    const block = cached && this.#clock.monotonic() < cached.until ? cached : await this.#load(start);
    return block.bytes.subarray(offset - start, offset - start + size);
  }

  async write(offset: number, data: Uint8Array): Promise<number> {
    const { bytesWritten } = await this.#handle.write(data, 0, data.length, offset);
    return bytesWritten;
  }

  /** The next read comes from the disk. */
  forget(): void {
    this.#blocks.clear();
  }

  close(): Promise<void> {
    this.forget();
    return this.#handle.close();
  }

  async #load(start: number): Promise<Block> {
    const buffer = Buffer.allocUnsafe(BLOCK_BYTES + OVERLAP_BYTES);
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, start);
    const block = { bytes: buffer.subarray(0, bytesRead), until: this.#clock.monotonic() + MAX_CACHE_AGE_MS };
    this.#blocks.delete(start);
    this.#blocks.set(start, block);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > MAX_BLOCKS && oldest !== undefined) this.#blocks.delete(oldest);
    return block;
  }
}
