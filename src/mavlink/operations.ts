import { FileSyncError, toFileSyncError, type ErrorDetails } from '../errors.js';

/** Waits for the vehicle before each operation of a source, and adds the device to its errors. */
export class SourceOperations {
  readonly #device: string;
  readonly #ready: (signal: AbortSignal) => Promise<void>;

  /** `ready` resolves when the vehicle is online and rejects when it is offline. */
  constructor(device: string, ready: (signal: AbortSignal) => Promise<void>) {
    this.#device = device;
    this.#ready = ready;
  }

  async *stream<Item>(
    details: ErrorDetails,
    signal: AbortSignal,
    open: () => AsyncIterable<Item>,
  ): AsyncGenerator<Item, void> {
    try {
      await this.#ready(signal);
      yield* open();
    } catch (error) {
      throw this.#translated(error, details);
    }
  }

  async run<Value>(details: ErrorDetails, signal: AbortSignal, work: () => Promise<Value>): Promise<Value> {
    try {
      await this.#ready(signal);
      return await work();
    } catch (error) {
      throw this.#translated(error, details);
    }
  }

  #translated(thrown: unknown, details: ErrorDetails): FileSyncError {
    const { kind, message, temporary, cause } = toFileSyncError(thrown);
    return new FileSyncError(kind, message, { ...details, device: this.#device, temporary, cause });
  }
}
