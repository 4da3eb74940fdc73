import { Writable } from 'node:stream';
import { Client } from 'basic-ftp';
import { downloadTo } from 'basic-ftp/dist/transfer.js';

/** Bytes of one folder's listing that are held; basic-ftp's own limit. */
const MAX_LISTING = 40 * 1024 * 1024;

export interface Listing {
  /** A character a byte. */
  readonly text: string;
  /** The reply that ended it. */
  readonly reply: string;
}

/** basic-ftp's client, with listings as they came and the reply after them, in which servers say that it is cut short. */
export class RawClient extends Client {
  constructor(timeout: number) {
    super(timeout);
    this.ftp.encoding = 'latin1';
    const handle = this.ftp.handle.bind(this.ftp);
    this.ftp.handle = (...task) => withoutTrace(() => handle(...task));
  }

  async listing(command: string): Promise<Listing> {
    await this.prepareTransfer(this.ftp);
    const chunks: Buffer[] = [];
    let length = 0;
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        length += chunk.length;
        chunks.push(chunk);
        done(length > MAX_LISTING ? new Error('the listing of one folder is too long') : null);
      },
    });
    const { ftp, _progressTracker: tracker } = this;
    const { message } = await downloadTo(sink, { ftp, tracker, command, remotePath: '', type: 'list' });
    return { text: Buffer.concat(chunks).toString('latin1'), reply: message };
  }
}

/** basic-ftp writes down where each command came from, which costs more than the command. */
function withoutTrace<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
