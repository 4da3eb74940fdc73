import { wordsFromWire } from './names.js';

/** Bytes of a line's pieces before its last one; the rest is left out. */
const MAX_LINE_LENGTH = 8192;

/** Makes lines for the log of what basic-ftp logs of one connection: `> ` a command, `< ` a reply, or a note. */
export class ProtocolLog {
  readonly #write: (line: string) => void;
  /** The beginning of a reply's line, whose end has not come yet. */
  #incomplete = '';

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** @param entry after `< ` a piece of the replies, as it came from the socket; a character is a byte */
  add(entry: string): void {
    if (entry.startsWith('< ')) return this.#addReply(entry.slice(2));
    if (entry.startsWith('Connected to ')) this.#incomplete = '';
    this.#write(entry.startsWith('> PASS') ? '> PASS ****' : wordsFromWire(entry));
  }

  /** Only whole lines are written: a secret that is cut in two would not be recognised. */
  #addReply(piece: string): void {
    const [end = '', ...begins] = piece.split('\n');
    if (this.#incomplete.length < MAX_LINE_LENGTH) this.#incomplete += end.slice(0, MAX_LINE_LENGTH);
    for (const begin of begins) {
      const line = this.#incomplete;
      this.#write(`< ${wordsFromWire(line.endsWith('\r') ? line.slice(0, -1) : line)}`);
      this.#incomplete = begin.slice(0, MAX_LINE_LENGTH);
    }
  }
}
