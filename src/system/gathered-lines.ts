/**
 * Joins the lines of one turn of the event loop into one write: a write to a pipe is a synchronous system call.
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

  /** To be called before other writes to the same file, and when the program ends. */
  flush(): void {
    if (this.#text !== '') this.#write(this.#text);
    this.#text = '';
  }
}
