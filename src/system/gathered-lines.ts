/** Lines that soon follow others are written together after this time. */
const GATHER_MS = 20;

/**
 * Joins lines into one write, since a write to a pipe is a synchronous system call: those of one turn of the event loop, and, where
 * line follows line, those of `GATHER_MS`.
 */
export class GatheredLines {
  readonly #write: (text: string) => void;
  #text = '';
  /** Of the last write, monotonic ms. */
  #written = -Infinity;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  add(line: string): void {
    if (this.#text === '') this.#schedule();
    this.#text += `${line}\n`;
  }

  /** To be called before other writes to the same file, and when the program ends. */
  flush(): void {
    if (this.#text === '') return;
    this.#write(this.#text);
    this.#text = '';
    this.#written = performance.now();
  }

  #schedule(): void {
    const left = this.#written + GATHER_MS - performance.now();
    if (left <= 0) setImmediate(() => this.flush());
    else setTimeout(() => this.flush(), left);
  }
}
