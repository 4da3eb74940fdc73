import { setImmediate as nextTurn } from 'node:timers/promises';

/** Long work lets other work run after so many ms. */
const SLICE_MS = 10;

/** Divides long work into slices, between which the event loop goes on. */
export class Slices {
  #began = performance.now();

  /** To be awaited between small pieces of the work: it waits for the event loop's next turn when the slice is over. */
  pause(): Promise<void> | undefined {
    return performance.now() - this.#began < SLICE_MS ? undefined : this.#next();
  }

  async #next(): Promise<void> {
    await nextTurn();
    this.#began = performance.now();
  }
}
