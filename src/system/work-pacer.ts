import { setImmediate } from 'node:timers/promises';

/** Splits long work into parts, between which the event loop runs. */
export class WorkPacer {
  readonly #part: number;
  #done = 0;

  /** `part`: units of work after which the event loop gets its turn: a few milliseconds' worth. */
  constructor(part: number) {
    this.#part = part;
  }

  /** To be awaited after `units` of work; undefined while the part is not full. */
  after(units: number): Promise<void> | undefined {
    this.#done += units;
    if (this.#done < this.#part) return undefined;
    this.#done = 0;
    return setImmediate();
  }
}
