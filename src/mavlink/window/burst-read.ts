import { throwIfAborted } from '../../errors.js';
import { withinTime } from '../../system/deadline.js';
import type { BurstPacket } from '../ftp-client.js';
import { FtpNak } from '../ftp-errors.js';
import type { Span } from '../read-strategy.js';
import { changed, type RemoteFile } from '../remote-file.js';
import { Blocks } from './blocks.js';
import { readWithFallback, type FallbackTools } from './fallback.js';
import { CHUNK_BYTES } from './window-read.js';

/** ms of silence after which a burst counts as over. ArduPilot, and a lossy link, may be slow to begin one. */
const SILENCE_TIMEOUT_MS = 1_000;
/** Bursts in a row without data after which the vehicle counts as one without bursts. */
const MAX_EMPTY_ROUNDS = 3;

/** Why the read ended: all was read, `enough` was read, or the vehicle does not send bursts. */
export type BurstOutcome = 'done' | 'enough' | 'refused';

/**
 * Reads a span by bursts: the vehicle sends packet after packet. Lost packets are requested one by one when the burst has
 * ended, since some vehicles answer no other request before.
 */
export class BurstRead {
  readonly #file: RemoteFile;
  readonly #span: Span;
  readonly #tools: FallbackTools;
  readonly #signal: AbortSignal;
  readonly #blocks: Blocks;
  /** Bytes of a packet. */
  readonly #size: number;
  #over = false;
  #wake: () => void = () => undefined;

  constructor(file: RemoteFile, span: Span, tools: FallbackTools, signal: AbortSignal) {
    this.#file = file;
    this.#span = span;
    this.#tools = tools;
    this.#size = tools.blockSize.size;
    this.#signal = signal;
    this.#blocks = new Blocks(span);
  }

  /** Offset of the next byte for the reader. */
  get at(): number {
    return this.#blocks.head;
  }

  /** Returns after the first burst with which there are `enough` bytes. */
  async *run(enough = Infinity): AsyncGenerator<Uint8Array, BurstOutcome> {
    for (let emptyRounds = 0; !this.#blocks.complete;) {
      const before = this.at;
      yield* this.#burst();
      yield* this.#readMissing();
      emptyRounds = this.at > before ? 0 : emptyRounds + 1;
      if (emptyRounds > 0) yield* this.#readSingle();
      if (emptyRounds >= MAX_EMPTY_ROUNDS) return 'refused';
      if (this.at - this.#span.offset >= enough) return 'enough';
    }
    return 'done';
  }

  async *#burst(): AsyncGenerator<Uint8Array, void> {
    this.#over = false;
    const posted = this.#file.postBurst(this.at, this.#size, packet => this.#receive(packet));
    try {
      for (let heard = this.#blocks.held; ; heard = this.#blocks.held) {
        yield* this.#ready(CHUNK_BYTES);
        if (this.#over || this.#blocks.complete) return;
        await this.#packets();
        if (this.#blocks.held === heard && !this.#over) return;
      }
    } finally {
      posted.forget();
    }
  }

  /** Resolves when there is data for the reader, when the burst has ended, or after a time of silence. */
  async #packets(): Promise<void> {
    const woken = new Promise<void>(resolve => (this.#wake = resolve));
    await withinTime(woken, { ms: SILENCE_TIMEOUT_MS, clock: this.#tools.clock, signal: this.#ends });
  }

  get #ends(): readonly AbortSignal[] {
    return [this.#signal, this.#file.closed];
  }

  #receive(packet: BurstPacket | FtpNak): void {
    if (packet instanceof FtpNak) this.#refused(packet);
    else {
      const block = this.#blocks.at(packet.offset, this.#size);
      if (block && packet.data.length > 0) this.#blocks.fill(block, packet.data);
      this.#over ||= packet.last;
    }
    if (this.#over || this.#blocks.complete || this.#blocks.ready >= CHUNK_BYTES) this.#wake();
  }

  #refused(nak: FtpNak): void {
    this.#over = true;
    this.#tools.logger.log('debug', `FTP NAK BURST_READ_FILE ${this.#span.path}: ${nak.reason}`);
  }

  /** Requests the blocks that the burst left out. */
  async *#readMissing(): AsyncGenerator<Uint8Array, void> {
    for (let block = this.#blocks.firstMissing; block; block = this.#blocks.firstMissing) {
      const data = await readWithFallback(this.#file, block, this.#tools, this.#signal);
      if (data.length === 0) throw changed(this.#span.path);
      this.#blocks.fill(block, data);
      yield* this.#ready(CHUNK_BYTES);
    }
    yield* this.#ready(1);
  }

  /** Requests one block alone, which opens a lost session again, or fails with the reason. */
  async *#readSingle(): AsyncGenerator<Uint8Array, void> {
    this.#blocks.at(this.at, this.#size);
    yield* this.#readMissing();
  }

  async *#ready(minBytes: number): AsyncGenerator<Uint8Array, void> {
    for (const signal of this.#ends) throwIfAborted(signal);
    while (this.#blocks.ready >= minBytes) {
      yield this.#blocks.take(CHUNK_BYTES);
      for (const signal of this.#ends) throwIfAborted(signal);
    }
  }
}
