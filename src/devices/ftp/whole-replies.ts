import type { FTPContext } from 'basic-ftp';

/** Characters of a reply that has not ended: no server needs so many. */
const MAX_REPLY_LENGTH = 64 * 1024;

/** basic-ftp's way for what arrives on the control connection; it is not in its public types. */
interface Control {
  _onControlSocketData(piece: string): void;
}

/**
 * Hands basic-ftp one whole reply at a time (RFC 959 section 4.2), since the network may cut replies anywhere: basic-ftp takes the piece
 * of a line for a line (`213 1234` and `56` for a size of 1234), and searches all that it holds again for each piece.
 */
export class WholeReplies {
  readonly #ftp: FTPContext;
  readonly #take: (reply: string) => void;
  /** What a connection has sent in plain text does not count after it was encrypted. */
  #socket: FTPContext['socket'] | undefined;
  #line = '';
  /** The lines of a reply of several lines, and the code with which its last one will begin. */
  #begun = '';
  #code: string | undefined;

  static on(ftp: FTPContext): void {
    const control = ftp as unknown as Control;
    const replies = new WholeReplies(ftp, control._onControlSocketData.bind(ftp));
    control._onControlSocketData = piece => replies.#push(piece);
  }

  private constructor(ftp: FTPContext, take: (reply: string) => void) {
    this.#ftp = ftp;
    this.#take = take;
  }

  #push(piece: string): void {
    if (this.#socket !== this.#ftp.socket) this.#reset();
    const { socket } = this.#ftp;
    const [end = '', ...begins] = piece.split('\n');
    this.#line += end;
    for (const begin of begins) {
      this.#endLine();
      if (this.#ftp.socket !== socket) return;
      this.#line = begin;
    }
    if (this.#line.length + this.#begun.length > MAX_REPLY_LENGTH)
      this.#ftp.closeWithError(new Error('the server sends a reply without end'));
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    const code = this.#code;
    if (code === undefined) this.#code = /^\d{3}(?=-)/.exec(line)?.[0];
    else if (line.startsWith(code) && /^[ \r]?$/.test(line.charAt(code.length))) this.#code = undefined;
    const reply = `${this.#begun}${line}\n`;
    this.#begun = this.#code === undefined ? '' : reply;
    if (this.#code === undefined) this.#take(reply);
  }

  #reset(): void {
    this.#socket = this.#ftp.socket;
    this.#line = this.#begun = '';
    this.#code = undefined;
  }
}
