/** The data that was sent of one file. */
export interface FileTraffic {
  /** Packets of data. */
  readonly packets: number;
  /** Data bytes, each repetition included. */
  readonly bytes: number;
  /** The lowest offset that data was sent from. */
  readonly lowest: number;
}

/** Counts what the server sends, and holds files back for tests. Paths are the vehicle's, such as `/log/a.ulg`. */
export class Traffic {
  /** Requests that arrived. */
  requests = 0;
  /** Data bytes of files that were sent, whether they arrived or not. */
  bytesServed = 0;
  readonly #files = new Map<string, FileTraffic>();
  readonly #held = new Map<string, number>();

  get files(): ReadonlyMap<string, FileTraffic> {
    return this.#files;
  }

  count(path: string, offset: number, size: number): void {
    this.bytesServed += size;
    const { packets, bytes, lowest } = this.#files.get(path) ?? { packets: 0, bytes: 0, lowest: Infinity };
    this.#files.set(path, {
      packets: packets + 1,
      bytes: bytes + size,
      lowest: Math.min(lowest, offset),
    });
  }

  reset(): void {
    this.requests = 0;
    this.bytesServed = 0;
    this.#files.clear();
  }

  /** From now on no byte from `offset` on is sent; requests for it stay unanswered. */
  hold(path: string, offset: number): void {
    this.#held.set(path, offset);
  }

  release(path: string): void {
    this.#held.delete(path);
  }

  /** Whether the packet would hold a byte that is held back. */
  isHeld(path: string, offset: number, size: number): boolean {
    const from = this.#held.get(path);
    return from !== undefined && offset + size > from;
  }
}
