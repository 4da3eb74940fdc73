import { addAbortSignal, Readable } from 'node:stream';
import type { ByteStream, Clock, Outgoing, WriteEvents } from '../../ports.js';
import { outgoingBytes } from '../outgoing-bytes.js';
import { silence } from '../send-queue.js';

interface Watching {
  /** ms. */
  readonly limit: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How far the reader is. */
interface Turn {
  number: number;
  /** For the server, not for the reader. */
  waiting: boolean;
}

/**
 * The bytes of an answer. Breaks it off when the reader waited for `limit` ms (noticed within twice that time); a
 * reader that takes its time is no silence of the server.
 */
export async function* watchedBytes(body: Readable, watching: Watching): ByteStream {
  const turn: Turn = { number: 0, waiting: true };
  const ended = new AbortController();
  addAbortSignal(watching.signal, body);
  breakWhenSilent(body, turn, watching, ended.signal).catch(ignore);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      turn.waiting = false;
      yield chunk;
      turn.number++;
      turn.waiting = true;
    }
  } finally {
    ended.abort();
    body.destroy();
  }
}

async function breakWhenSilent(
  body: Readable,
  turn: Readonly<Turn>,
  { clock, limit }: Watching,
  end: AbortSignal,
): Promise<void> {
  for (;;) {
    const before = { ...turn };
    await clock.sleep(limit, end);
    if (turn.waiting && before.waiting && turn.number === before.number) body.destroy(silence());
  }
}

/** The end of a watch. */
function ignore(): void {}

/** The rest of a file as a request's body, which keeps why it failed. */
export class UploadBody {
  readonly stream: Readable;
  /** What the file's own bytes failed with. */
  failure: unknown;

  constructor(file: Outgoing, offset: number, device: string, progress: WriteEvents['progress']) {
    this.stream = Readable.from(outgoingBytes(file, offset, { device, progress }), { objectMode: false });
    this.stream.on('error', error => (this.failure = error));
  }

  close(): void {
    this.stream.destroy();
  }
}
