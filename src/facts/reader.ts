import type { FactFormat, FileFacts } from '../file-facts.js';

/** A file of which any part can be read: a local one, or one behind a link that reads ranges. */
export interface RandomAccess {
  /** Bytes, as it was listed. */
  readonly size: number;
  /**
   * Bytes from `offset` on: at most `length`, at least one, none only where the file ends. They are valid until the next call, and calls do not overlap, so that
   * an implementation may use one buffer again and again. Rejects with a FileSyncError, and with `cancelled` when the signal aborts.
   */
  read(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array>;
}

export type SignalName = 'altitude' | 'speed' | 'battery';

/** Takes samples of what a flight log measured: metres, metres a second, percent. */
export interface SampleSink {
  /**
   * @param rank of several sensors that measure the same, the one of the lowest rank is best
   * @param seconds since the beginning of the log; not checked, as the value is not
   */
  sample(name: SignalName, rank: number, seconds: number, value: number): void;
}

export interface ReadOptions {
  /** The first position is wanted as well: people may not want it to be stored. */
  readonly position: boolean;
  readonly signal: AbortSignal;
  /** No more than `FactReader.ends` bytes are read, so that some facts may be missing. */
  readonly endsOnly?: boolean;
  /**
   * ms; with `endsOnly`: of a log that is shorter by its ends, parts of what lies between are read as well, BETWEEN_BYTES at most. A
   * message with a wrong time makes it as long there as it is when read whole.
   */
  readonly shorterThan?: number | undefined;
  /** Takes the samples of a flight log that is read whole. */
  readonly samples?: SampleSink | undefined;
}

/** Reads what is in a file of one format. */
export interface FactReader {
  readonly format: FactFormat;
  /**
   * Bytes that `read` needs at most with `endsOnly`, from the beginning and the end of the file. Absent: the format cannot be judged
   * from these, and `endsOnly` changes nothing.
   */
  readonly ends?: number;
  /**
   * By the first bytes of the file where the format has a signature, else by the name.
   *
   * @param head the first HEAD_BYTES of the file, or all that it has
   */
  matches(name: string, head: Uint8Array): boolean;
  /**
   * Whatever is in the file, it resolves: what cannot be found is absent, and `note` says why. It rejects only with what
   * `file.read` rejects with. Texts and numbers are as the file has them: `cleanFacts` limits them.
   */
  read(file: RandomAccess, options: ReadOptions): Promise<FileFacts>;
}

/** What a reader is chosen by. */
export const HEAD_BYTES = 512;
