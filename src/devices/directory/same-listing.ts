import { createHash } from 'node:crypto';
import type { Clock, SourceFile } from '../../ports.js';

/** ms after which a listing that never changed is reported: a source that is in use has a new file by then. */
const SAME_FOR_MS = 24 * 3_600_000;
const HASH_BITS = 64;

/**
 * Notices that a mount shows the same listing again and again, as one does whose cache is never renewed: new files are not seen,
 * and nothing fails.
 */
export class SameListing {
  readonly #clock: Clock;
  readonly #report: () => void;
  #last: string | undefined;
  /** Monotonic ms of the first listing that was the same. */
  #since = 0;
  #isReported = false;

  /** @param report is called once, until a listing differs */
  constructor(clock: Clock, report: () => void) {
    this.#clock = clock;
    this.#report = report;
  }

  get isReported(): boolean {
    return this.#isReported;
  }

  /** The files as they are. Only a listing that is read to its end counts. */
  async *follow(files: AsyncIterable<SourceFile>): AsyncGenerator<SourceFile, void> {
    let [count, sum] = [0, 0n];
    for await (const file of files) {
      count++;
      // The order of entries may differ between two listings.
      sum = BigInt.asUintN(HASH_BITS, sum + hashOf(`${file.size} ${file.modified} ${file.path}`));
      yield file;
    }
    this.#ended(`${count} ${sum}`);
  }

  #ended(listing: string): void {
    const now = this.#clock.monotonic();
    if (listing !== this.#last) {
      [this.#last, this.#since, this.#isReported] = [listing, now, false];
      return;
    }
    if (this.#isReported || now - this.#since < SAME_FOR_MS) return;
    this.#isReported = true;
    this.#report();
  }
}

/** 64 bits. */
const hashOf = (text: string): bigint => createHash('sha1').update(text).digest().readBigUInt64LE();
