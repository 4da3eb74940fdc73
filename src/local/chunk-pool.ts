/** Buffers that are used again, so that a large file does not cost its size in fresh memory. */
export class ChunkPool {
  readonly #lent = new WeakSet<ArrayBufferLike>();
  readonly #idle: ArrayBufferLike[] = [];

  /** A buffer of `length` bytes with anything in it, and memory of its own. */
  take(length: number): Buffer {
    const at = this.#idle.findIndex(({ byteLength }) => byteLength === length);
    const memory = this.#idle.splice(at, at < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafeSlow(length).buffer;
    this.#lent.add(memory);
    return Buffer.from(memory);
  }

  /**
   * Takes back the memory of a chunk (a part of a buffer is enough). Whoever gives it back is the last who has held it. What
   * was not lent here, or has been given back, is left alone; what nobody gives back is the garbage collector's.
   */
  giveBack({ buffer }: Uint8Array): void {
    if (this.#lent.delete(buffer)) this.#idle.push(buffer);
  }
}
