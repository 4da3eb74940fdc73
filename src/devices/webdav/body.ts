import { addAbortSignal, Readable } from 'node:stream';
import type { ByteStream, Clock, Outgoing, WriteEvents } from '../../ports.js';
import { outgoingBytes } from '../outgoing-bytes.js';
import { timeoutError } from '../send-queue.js';

interface Watching {
  /** ms. */
  readonly limit: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Of the reader of a body. */
interface ReadProgress {
  /** Chunks that were read. */
  number: number;
  /** The reader waits for the server. */
  waiting: boolean;
}

/**
 * The bytes of an answer. Destroys the body when the reader waited for `limit` ms (noticed within twice that time); a
 * slow reader does not count as silence of the server.
 */
export async function* watchedBytes(body: Readable, watching: Watching): ByteStream {
  const progress: ReadProgress = { number: 0, waiting: true };
  const ended = new AbortController();
  addAbortSignal(watching.signal, body);
  destroyWhenSilent(body, progress, watching, ended.signal).catch(ignore);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      progress.waiting = false;
      yield chunk;
      progress.number++;
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
  for (;;) {
    const before = { ...progress };
    await clock.sleep(limit, end);
    if (progress.waiting && before.waiting && progress.number === before.number) body.destroy(timeoutError());
  }
}

/** Of a watch that has been aborted. */
function ignore(): void {}

/** The rest of a file as a request's body. */
export class UploadBody {
  readonly stream: Readable;
  /** The error with which reading the file failed. */
  failure: unknown;

  constructor(file: Outgoing, offset: number, device: string, progress: WriteEvents['progress']) {
    this.stream = Readable.from(outgoingBytes(file, offset, { device, progress }), { objectMode: false });
    this.stream.on('error', error => (this.failure = error));
  }

  close(): void {
    this.stream.destroy();
  }
}
