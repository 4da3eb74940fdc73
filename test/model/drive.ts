import type { SourceFile } from '../../src/ports.js';

export interface Stored {
  readonly bytes: Buffer;
  /** ms since the Unix epoch, by the device's own clock. */
  readonly modified: number;
}

interface Version {
  readonly path: string;
  readonly bytes: Buffer;
  /** True time, ms. */
  readonly from: number;
  until: number;
}

/** What lies on a source, and what has ever lain there. It outlives the processes that read it. */
export class Drive {
  readonly files = new Map<string, Stored>();
  readonly #versions: Version[] = [];
  readonly #now: () => number;
  #lastModified = 0;
  available = true;
  armed = false;
  /** Its times are shown so much later, ms: the time zone of a FAT medium has changed. */
  shift = 0;
  /** The next so many pieces that are read arrive with an error. */
  corrupt = 0;
  /** Every operation fails so many times. */
  failing = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  put(path: string, bytes: Buffer): void {
    this.#end(path);
    this.#lastModified = Math.max(this.#lastModified + 1, Date.UTC(2026, 0, 1) + this.#now());
    this.files.set(path, { bytes, modified: this.#lastModified });
    this.#versions.push({ path, bytes, from: this.#now(), until: Infinity });
  }

  take(path: string): void {
    this.#end(path);
    this.files.delete(path);
  }

  list(hasTimes: boolean): SourceFile[] {
    return [...this.files].map(([path, { bytes, modified }]) => ({
      ...{ path, size: bytes.length },
      ...(hasTimes && { modified: modified + this.shift }),
    }));
  }

  /** The bytes that lay under the path last, or lie there. */
  latest(path: string): Buffer | undefined {
    return this.#versions.findLast(one => one.path === path)?.bytes;
  }

  /** Whether these bytes were once the whole file, for `settle` at least or as long as one of the same size lay there. */
  everHeld(path: string, bytes: Buffer, settle: number): boolean {
    return this.#versions.some(
      one =>
        one.path === path &&
        one.bytes.equals(bytes) &&
        (this.#until(one) - one.from >= settle || this.hadAlike(path, bytes)),
    );
  }

  /** Other bytes of the same number have lain under the path: they look the same where there are no times. */
  hadAlike(path: string, bytes: Buffer): boolean {
    return this.#versions.some(
      one => one.path === path && one.bytes.length === bytes.length && !one.bytes.equals(bytes),
    );
  }

  #until({ until }: Version): number {
    return Math.min(until, this.#now());
  }

  #end(path: string): void {
    const last = this.#versions.findLast(one => one.path === path && one.until === Infinity);
    if (last) last.until = this.#now();
  }
}
