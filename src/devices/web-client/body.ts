import { addAbortSignal, Readable } from 'node:stream';
import type { ByteStream, Clock } from '../../ports.js';
import { MIN_BYTES_PER_LIMIT, untilTooSlow } from '../pace.js';
import { timeoutError } from '../send-queue.js';

interface Watching {
  /** ms. */
  readonly limit: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Of the reader of a body. */
interface ReadProgress {
  /** Bytes that were read. */
  bytes: number;
  /** The reader waits for the server. */
  waiting: boolean;
}

/**
 * The bytes of an answer. Destroys the body when the server sends too little (see `untilTooSlow`) while the reader waits; a
 * slow reader does not count as silence of the server.
 */
export async function* watchedBytes(body: Readable, watching: Watching): ByteStream {
  const progress: ReadProgress = { bytes: 0, waiting: true };
  const ended = new AbortController();
  addAbortSignal(watching.signal, body);
  destroyWhenSilent(body, progress, watching, ended.signal).catch(ignore);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      progress.waiting = false;
      progress.bytes += chunk.length;
      yield chunk;
      progress.waiting = true;
    }
  } finally {
    ended.abort();
    body.destroy();
  }
}

async function destroyWhenSilent(
  body: Readable,
  progress: Readonly<ReadProgress>,
  { clock, limit }: Watching,
  end: AbortSignal,
): Promise<void> {
  let credit = 0;
  const bytes = (): number => {
    // While the reader works, the server has no chance to send.
    if (!progress.waiting) credit += MIN_BYTES_PER_LIMIT;
    return progress.bytes + credit;
  };
  await untilTooSlow(bytes, limit, clock, end);
  body.destroy(timeoutError());
}

/** Of a watch that has been aborted. */
function ignore(): void {}

/** Bytes of a file as a request's body. */
export class UploadBody {
  readonly stream: Readable;
  /** The error with which reading the file failed. */
  failure: unknown;

  constructor(bytes: ByteStream) {
    this.stream = Readable.from(bytes, { objectMode: false });
    this.stream.on('error', error => (this.failure = error));
  }

  close(): void {
    this.stream.destroy();
  }
}

/** Cuts a stream of bytes into pieces of given lengths, which are read one after the other. */
export class Slicer {
  readonly #bytes: AsyncIterator<Uint8Array>;
  /** What the last piece has left of a chunk. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(bytes: ByteStream) {
    this.#bytes = bytes[Symbol.asyncIterator]();
  }

  /** The next `length` bytes; fewer if the stream ends. */
  async *take(length: number): ByteStream {
    for (let left = length; left > 0;) {
      const chunk = this.#rest.length > 0 ? this.#rest : await this.#next();
      if (!chunk) return;
      const piece = chunk.subarray(0, left);
      this.#rest = chunk.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  /** After all bytes have been taken: runs what the stream does at its end. */
  async end(): Promise<void> {
    await this.#next();
  }

  close(): void {
    this.#bytes.return?.().catch(ignore);
  }

  async #next(): Promise<Uint8Array | undefined> {
    const next = await this.#bytes.next();
    return next.done === true ? undefined : next.value;
  }
}
