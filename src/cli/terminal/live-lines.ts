/** The part of a terminal's tty.WriteStream that is used. */
export interface TerminalStream {
  /** Undefined or 0 where the terminal does not report its size. */
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

// Control functions of ECMA-48 (ED, CUU) and of DEC (DECAWM: without it, what is too wide is cut, not wrapped).
const ERASE_BELOW = '\r\x1b[J';
const WRAP_OFF = '\x1b[?7l';
const WRAP_ON = '\x1b[?7h';
/**
 * Begins a row that continues the line before, as if the terminal had wrapped it: a blank in the last column (CHA), one in the
 * first. A terminal that wraps lines again when its size changes then keeps the cursor at the first row; some of them (xterm.js)
 * would move it by the rows that other lines below it take more.
 */
const NEXT_ROW = `\x1b[999G${WRAP_ON}  \r${WRAP_OFF}`;
const up = (rows: number) => (rows > 0 ? `\x1b[${rows}A` : '');

/**
 * Lines at the end of a terminal's output that are redrawn, and messages above them. Between two writes the cursor is at the start
 * of the first of these lines. Wherever the terminal moves them when its size changes, it moves the cursor with them, and all that
 * is below it is erased.
 */
export class LiveLines {
  readonly #stream: TerminalStream;
  #lines: readonly string[] = [];
  #isDrawn = false;

  constructor(stream: TerminalStream) {
    this.#stream = stream;
  }

  /** Columns that a line may take: one less than the terminal has, since some wrap a line that fills it. */
  get columns(): number {
    return (this.#stream.columns || DEFAULT_COLUMNS) - 1;
  }

  /** Lines that can be shown: one row remains for messages. */
  get maxLines(): number {
    return Math.max(1, (this.#stream.rows || DEFAULT_ROWS) - 1);
  }

  /** Writes a message, whole: the terminal wraps what is longer than its rows. */
  print(message: string): void {
    this.#write(`${message}\n`);
  }

  /** Replaces the lines; without any, they are erased. */
  show(lines: readonly string[]): void {
    const shown = lines.slice(0, this.maxLines);
    if (shown.length === this.#lines.length && shown.every((line, index) => line === this.#lines[index]))
      return;
    this.#lines = shown;
    this.#write('');
  }

  /** The terminal has another size; the lines are drawn again. Returns the end of listening. */
  onResize(listener: () => void): () => void {
    const redraw = () => {
      this.#lines = [];
      listener();
    };
    this.#stream.on('resize', redraw);
    return () => this.#stream.off('resize', redraw);
  }

  #write(above: string): void {
    const erase = this.#isDrawn ? ERASE_BELOW : '';
    this.#isDrawn = this.#lines.length > 0;
    const drawn = `${WRAP_OFF}${this.#lines.join(NEXT_ROW)}${WRAP_ON}\r${up(this.#lines.length - 1)}`;
    this.#stream.write(erase + above + (this.#isDrawn ? drawn : ''));
  }
}
