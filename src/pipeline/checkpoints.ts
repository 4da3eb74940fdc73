import { toFileSyncError, type FileSyncError } from '../errors.js';
import type { PartialFile } from '../local/partial-file.js';

/** After so many new bytes, what has arrived is made safe against a power cut. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024;

/** Makes what has arrived of a file safe from time to time, while more of it arrives. */
export class Checkpoints {
  readonly #part: PartialFile;
  readonly #save: () => Promise<void>;
  #safe: number;
  #running: Promise<void> | undefined;
  #failure: FileSyncError | undefined;

  /** @param save brings the part to the disk and records how far that is */
  constructor(part: PartialFile, save: () => Promise<void>) {
    this.#part = part;
    this.#save = save;
    this.#safe = part.offset;
  }

  /** Begins one if enough is new and none is on its way. Throws what an earlier one met. */
  consider(): void {
    if (this.#failure) throw this.#failure;
    if (this.#running || this.#part.offset - this.#safe < CHECKPOINT_BYTES) return;
    this.#safe = this.#part.offset;
    this.#running = this.#save()
      .catch((error: unknown) => (this.#failure = toFileSyncError(error)))
      .then(() => (this.#running = undefined));
  }

  /** Resolves when none is on its way. Never rejects. */
  async idle(): Promise<void> {
    await this.#running;
  }
}
