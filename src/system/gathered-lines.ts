/**
 * Writes what comes in one turn of the event loop in one piece: each write to a pipe is a call to the kernel, for which the
 * program waits.
 */
export class GatheredLines {
  readonly #write: (text: string) => void;
  #text = '';

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  add(line: string): void {
    if (this.#text === '') setImmediate(() => this.flush());
    this.#text += `${line}\n`;
  }

  /** To be called before anything else is written there, and when the program ends. */
  flush(): void {
    if (this.#text !== '') this.#write(this.#text);
    this.#text = '';
  }
}
