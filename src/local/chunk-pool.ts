/** Buffers for reuse, so that a large file does not allocate memory of its size. */
export class ChunkPool {
  readonly #lent = new WeakSet<ArrayBufferLike>();
  readonly #idle: ArrayBufferLike[] = [];

  /** A buffer of `length` bytes with undefined content and an ArrayBuffer of its own. */
  take(length: number): Buffer {
    const at = this.#idle.findIndex(({ byteLength }) => byteLength === length);
    const memory = this.#idle.splice(at, at < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafeSlow(length).buffer;
    this.#lent.add(memory);
    return Buffer.from(memory);
  }

  /**
   * Takes back the memory of a chunk (a part of a buffer is enough). The caller must hold the last reference to it. Memory that
   * is not from this pool, or was given back before, is ignored; memory that is never given back is garbage-collected.
   */
  giveBack({ buffer }: Uint8Array): void {
    if (this.#lent.delete(buffer)) this.#idle.push(buffer);
  }
}
