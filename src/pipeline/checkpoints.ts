import { toFileSyncError, type FileSyncError } from '../errors.js';
import type { PartialFile } from '../local/partial-file.js';
import type { Checkpoint, FileRecord } from '../ports.js';

/** After so many new bytes, what has arrived is made safe against a power cut. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024;

/**
 * Records that a file has been begun, then makes what has arrived of it safe from time to time, while more of it arrives. Of
 * a file that comes in one piece nothing is recorded: there is nothing to go on with.
 */
export class Checkpoints {
  readonly #part: PartialFile;
  readonly #size: number;
  readonly #record: (checkpoint: Checkpoint) => Promise<void>;
  #begun: boolean;
  #safe: number;
  #running: Promise<void> | undefined;
  #failure: FileSyncError | undefined;

  constructor(
    part: PartialFile,
    { size, checkpoint }: FileRecord,
    record: (checkpoint: Checkpoint) => Promise<void>,
  ) {
    this.#part = part;
    this.#size = size;
    this.#record = record;
    this.#begun = checkpoint !== undefined;
    this.#safe = part.offset;
  }

  /** Begins one if enough is new and none is on its way. Throws what an earlier one met. */
  consider(): void {
    if (this.#failure) throw this.#failure;
    if (this.#running || this.#part.offset === this.#size) return;
    if (!this.#begun) this.#run(() => this.#record(this.#part.safe));
    else if (this.#part.offset - this.#safe >= CHECKPOINT_BYTES) this.#run(() => this.#save());
    this.#begun = true;
  }

  /** Resolves when none is on its way. Never rejects. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #run(work: () => Promise<void>): void {
    this.#running = work()
      .catch((error: unknown) => (this.#failure = toFileSyncError(error)))
      .then(() => (this.#running = undefined));
  }

  async #save(): Promise<void> {
    this.#safe = this.#part.offset;
    await this.#record(await this.#part.checkpoint());
  }
}
