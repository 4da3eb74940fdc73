import { createWriteStream, type WriteStream } from 'node:fs';
import type { Clock, Logger } from '../ports.js';
import { withinTime } from '../system/deadline.js';
import { FrameDecoder } from './frame.js';
import type { Connection, Transport } from './link.js';

/** Bytes that may wait for the disk. Frames beyond that are left out of the trace. */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;
/** ms that the end of a connection waits for the disk. */
const MAX_CLOSE_MS = 1_000;

/**
 * Appends frames to a file as JSON lines: `t_ms` (monotonic ms), `from` (`client` is this program) and `frame` (hex).
 * Nothing waits for the file. What goes wrong with it is logged once.
 */
export class FrameTrace {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #stream: WriteStream | undefined;
  #warned = false;
  #failed = false;

  constructor(file: string, clock: Clock, logger: Logger) {
    this.#file = file;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Never throws. */
  add(from: 'client' | 'vehicle', frame: Uint8Array): void {
    if (this.#failed) return;
    this.#stream ??= this.#open();
    if (this.#stream.writableLength > MAX_BACKLOG_BYTES)
      return this.#warn('is incomplete: the disk is too slow');
    const ms = Math.round(this.#clock.monotonic() * 100) / 100;
    const hex = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString('hex');
    this.#stream.write(`{"t_ms": ${ms}, "from": "${from}", "frame": "${hex}"}\n`);
  }

  /** Resolves when everything has been written, after a second at the latest. Later frames open the file again. */
  async end(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    if (!stream || this.#failed) return;
    const written = new Promise<void>(resolve => stream.once('close', resolve).end());
    await withinTime(written, { ms: MAX_CLOSE_MS, clock: this.#clock });
  }

  #open(): WriteStream {
    return createWriteStream(this.#file, { flags: 'a' }).on('error', error => {
      this.#failed = true;
      this.#warn(`cannot be written (${error.message}): correct FILESYNC_TRACE`);
    });
  }

  #warn(problem: string): void {
    if (!this.#warned) this.#logger.log('warn', `MAVLink trace ${this.#file} ${problem}`);
    this.#warned = true;
  }
}

/** The transport, with every frame that is sent and received on it in the trace. */
export function tracedTransport(transport: Transport, trace: FrameTrace): Transport {
  return {
    get name() {
      return transport.name;
    },
    silence: transport.silence,
    async connect(receive, signal): Promise<Connection> {
      const decoder = new FrameDecoder(frame => trace.add('vehicle', frame));
      const receiveTraced = (bytes: Uint8Array) => {
        decoder.push(bytes);
        receive(bytes);
      };
      const connection = await transport.connect(receiveTraced, signal);
      const sent = new FrameDecoder(frame => trace.add('client', frame));
      return {
        together: connection.together,
        ended: connection.ended,
        confirm: () => connection.confirm?.(),
        tryNextSender: () => connection.tryNextSender?.() ?? false,
        send: bytes => {
          sent.push(bytes);
          connection.send(bytes);
        },
        close: async () => {
          await connection.close();
          await trace.end();
        },
      };
    },
  };
}
