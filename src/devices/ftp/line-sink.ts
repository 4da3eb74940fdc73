import { Writable } from 'node:stream';
import { Slices } from '../slices.js';

/** Bytes of a line that are kept: longer ones are no entries of a listing. */
const MAX_LINE_LENGTH = 16 * 1024;

/** Divides what is written to it into lines (each character is a byte), and lets other work run between them. */
export class LineSink extends Writable {
  readonly #line: (text: string) => void;
  readonly #slices = new Slices();
  /** The beginning of the line that has not ended yet. */
  #begun = '';
  #count = 0;

  constructor(line: (text: string) => void) {
    super({ decodeStrings: true });
    this.#line = line;
  }

  /** Lines that are not empty. */
  get count(): number {
    return this.#count;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const lines = chunk.toString('latin1').split('\n');
    lines[0] = this.#begun + (lines[0] ?? '');
    this.#begun = (lines.pop() ?? '').slice(0, MAX_LINE_LENGTH);
    this.#take(lines).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#take([this.#begun]).then(() => done(), done);
  }

  async #take(lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const text = line.endsWith('\r') ? line.slice(0, -1) : line;
      if (text.trim() !== '') this.#count++;
      this.#line(text);
      await this.#slices.pause();
    }
  }
}
