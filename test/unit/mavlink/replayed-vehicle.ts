import { FrameDecoder } from '../../../src/mavlink/frame.js';
import type { FtpPort } from '../../../src/mavlink/ftp-channel.js';
import { contentOf, decodeFtpPayload, Opcode, type FtpPayload } from '../../../src/mavlink/ftp-payload.js';
import { FileTransferProtocol } from '../../../src/mavlink/messages.js';
import type { Clock } from '../../../src/ports.js';
import type { Captured } from './captures.js';

/** A request of a trace, and what the vehicle answered to it. */
interface Exchange {
  readonly request: FtpPayload;
  /** Monotonic ms. */
  readonly sentAt: number;
  readonly replies: { readonly payload: FtpPayload; readonly ms: number }[];
}

/**
 * A vehicle that answers as the one in a trace (`FILESYNC_TRACE=mavlink:FILE`) did: equal requests get equal replies, after
 * the same time, in the order of the trace; requests that the trace does not hold or answer stay unanswered. The last answered one is
 * repeated. Sequence numbers need not be equal.
 */
export class ReplayedVehicle implements FtpPort {
  readonly closed = new AbortController().signal;
  readonly absence = undefined;
  readonly othersHeardAt = -Infinity;
  readonly #clock: Clock;
  /** By what is asked. */
  readonly #exchanges = new Map<string, Exchange[]>();
  #listener: (reply: FtpPayload) => void = () => undefined;

  constructor(frames: readonly Captured[], clock: Clock) {
    this.#clock = clock;
    for (const exchange of exchangesOf(frames)) {
      const key = keyOf(exchange.request);
      this.#exchanges.set(key, [...(this.#exchanges.get(key) ?? []), exchange]);
    }
    for (const exchanges of this.#exchanges.values())
      while (exchanges.length > 1 && exchanges.at(-1)?.replies.length === 0) exchanges.pop();
  }

  onFtp(listener: (reply: FtpPayload) => void): void {
    this.#listener = listener;
  }

  sendFtp(request: FtpPayload): void {
    const exchanges = this.#exchanges.get(keyOf(request)) ?? [];
    const exchange = exchanges.length > 1 ? exchanges.shift() : exchanges[0];
    if (!exchange) return;
    for (const { payload, ms } of exchange.replies) {
      const sequence = (payload.sequence - exchange.request.sequence + request.sequence) & 0xffff;
      void this.#clock.sleep(ms - exchange.sentAt).then(() => this.#listener({ ...payload, sequence }));
    }
  }
}

function exchangesOf(frames: readonly Captured[]): Exchange[] {
  const exchanges: Exchange[] = [];
  const bySequence = new Map<number, Exchange>();
  let burst: Exchange | undefined;
  for (const { from, ms, bytes } of frames) {
    const payload = ftpPayloadIn(bytes);
    if (!payload) continue;
    if (from === 'client') {
      const exchange = { request: payload, sentAt: ms, replies: [] };
      exchanges.push(exchange);
      bySequence.set((payload.sequence + 1) & 0xffff, exchange);
      if (payload.opcode === Opcode.BURST_READ_FILE) burst = exchange;
    } else {
      const isBurst = payload.requestOpcode === Opcode.BURST_READ_FILE;
      (isBurst ? burst : bySequence.get(payload.sequence))?.replies.push({ payload, ms });
    }
  }
  return exchanges;
}

function ftpPayloadIn(bytes: Uint8Array): FtpPayload | undefined {
  const [frame] = new FrameDecoder().push(bytes);
  if (frame?.messageId !== FileTransferProtocol.id) return undefined;
  return decodeFtpPayload(FileTransferProtocol.decode(frame.payload).payload);
}

/** In a read, `size` is what is asked for, and there is no data. */
function keyOf(request: FtpPayload): string {
  const { opcode, session, offset, size } = request;
  const isRead = opcode === Opcode.READ_FILE || opcode === Opcode.BURST_READ_FILE;
  return [
    opcode,
    session,
    offset,
    size,
    isRead ? '' : Buffer.from(contentOf(request)).toString('hex'),
  ].join();
}
