import { throwIfAborted } from '../../errors.js';
import type { LinkMeasure } from '../../ports.js';
import { isNak, type FtpNak } from '../ftp-errors.js';
import { FtpErrorCode } from '../ftp-payload.js';
import type { Span } from '../read-strategy.js';
import { changed, type RemoteFile } from '../remote-file.js';
import { Timer } from '../../congestion/timer.js';
import { Blocks, type Block } from './blocks.js';
import { readWithFallback, type FallbackTools } from './fallback.js';
import { ReadSummary } from './read-summary.js';
import { InFlight, type Transmission } from './in-flight.js';
import type { Pacer } from '../../congestion/pacer.js';
import type { LinkModel } from '../../congestion/link-model.js';

/** Bytes that the reader gets at once, if available. */
export const CHUNK_BYTES = 16 * 1024;
/** ms after which the reader gets fewer. */
const FLUSH_INTERVAL_MS = 50;
/** ms of silence before a probe (a request to provoke a reply), and from one probe to the next (RFC 8985, section 7.2). */
const MIN_PROBE_DELAY_MS = 10;
/** Probes for each overdue request, and in one silence: a run of losses ends only after enough packets. */
const PROBES_PER_REQUEST = 2;
const MAX_PROBES = 12;
/** ms of silence, at least, after which a single request finds the cause. */
const MIN_SILENCE_MS = 1_000;
/** ms after the last request from which on no more are waited for to leave together. */
const MAX_GROUP_WAIT_MS = 4;
/** Factor of the timeout after which a request is given up: an overtaking reply is the quicker sign of a loss. */
const TIMEOUT_FACTOR = 2;
/** NAKs in a row after which the window counts as refused, and replies that end such a row. */
const MAX_REFUSALS = 3;
const MIN_REPLIES_BETWEEN = 8;

/** Why the read ended: all was read, or this vehicle needs another method. */
export type WindowOutcome = 'done' | 'refused' | 'notWorthwhile';

export interface WindowTools extends FallbackTools {
  readonly linkModel: LinkModel;
  readonly pacer: Pacer;
  readonly measured?: ((measure: LinkMeasure) => void) | undefined;
  /** No other method is left: the read continues even if the window is refused or not worthwhile. */
  readonly only: boolean;
}

/**
 * Reads a span with many requests in flight. A lost block is requested again with a new sequence number: a second read
 * does no harm, a vehicle never confuses it with a request that it has answered, and each reply belongs to one request.
 * Silence or a NAK stops the window; a single request then finds the cause (the session is opened again, the vehicle is
 * offline, the file has ended), and the window continues.
 */
export class WindowRead {
  readonly #file: RemoteFile;
  readonly #span: Span;
  readonly #tools: WindowTools;
  readonly #signal: AbortSignal;
  readonly #blocks: Blocks;
  readonly #inFlight = new InFlight();
  readonly #timer: Timer;
  readonly #summary: ReadSummary;
  /** Lost blocks, to be requested before new ones. */
  #toResend: Block[] = [];
  #stopReason: 'refused' | 'silent' | undefined;
  #failure: Error | undefined;
  #refusals = 0;
  #repliesBetween = 0;
  /** Monotonic ms of the latest probe. */
  #probedAt = -Infinity;
  /** Probes since the latest reply. */
  #probes = 0;
  /** Monotonic ms of the latest reply. */
  #repliedAt = -Infinity;
  /** Monotonic ms since which the requests in flight have had no reply; undefined if none is in flight. */
  #quietSince: number | undefined;
  /** Monotonic ms of the latest request. */
  #sentAt = -Infinity;
  /** Monotonic ms at which the reader gets the available bytes. */
  #flushAt = Infinity;
  #notify: () => void = () => undefined;

  constructor(file: RemoteFile, span: Span, tools: WindowTools, signal: AbortSignal) {
    this.#file = file;
    this.#span = span;
    this.#tools = tools;
    this.#signal = signal;
    this.#blocks = new Blocks(span);
    this.#timer = new Timer(tools.clock, () => this.#onTimer());
    const { logger, clock, measured } = tools;
    this.#summary = new ReadSummary(span.path, logger, clock.monotonic(), measured);
  }

  /** Offset of the next byte for the reader. */
  get at(): number {
    return this.#blocks.head;
  }

  async *run(): AsyncGenerator<Uint8Array, WindowOutcome> {
    const { clock, linkModel } = this.#tools;
    const wake = () => this.#notify();
    for (const signal of this.#ends) signal.addEventListener('abort', wake);
    try {
      linkModel.restart(clock.monotonic(), this.#inFlight.nextOrder);
      return yield* this.#flow();
    } finally {
      for (const signal of this.#ends) signal.removeEventListener('abort', wake);
      this.#timer.cancel();
      this.#summary.end(linkModel.roundTrip);
      this.#blocks.forgetAll();
    }
  }

  get #ends(): readonly AbortSignal[] {
    return [this.#signal, this.#file.closed];
  }

  async *#flow(): AsyncGenerator<Uint8Array, WindowOutcome> {
    for (;;) {
      this.#check();
      if (this.#isDue()) {
        yield this.#take();
      } else if (this.#blocks.complete) {
        return 'done';
      } else if (this.#verdict) {
        return this.#verdict;
      } else if (this.#stopReason) {
        await this.#recover();
      } else {
        await this.#event();
      }
    }
  }

  #check(): void {
    for (const signal of this.#ends) throwIfAborted(signal);
    if (this.#failure) throw this.#failure;
    this.#pump();
  }

  get #verdict(): WindowOutcome | undefined {
    if (this.#tools.only) return undefined;
    if (this.#refusals >= MAX_REFUSALS) return 'refused';
    return this.#tools.linkModel.notWorthwhile ? 'notWorthwhile' : undefined;
  }

  /** Resolves when there is data for the reader, or the window has stopped. */
  async #event(): Promise<void> {
    await new Promise<void>(resolve => {
      this.#notify = resolve;
    });
    this.#notify = () => undefined;
  }

  #isDue(): boolean {
    const { ready, complete } = this.#blocks;
    if (ready === 0) return false;
    const isOver = complete || this.#stopReason !== undefined || this.#verdict !== undefined;
    return isOver || ready >= CHUNK_BYTES || this.#tools.clock.monotonic() >= this.#flushAt;
  }

  #take(): Uint8Array {
    const chunk = this.#blocks.take(CHUNK_BYTES);
    this.#flushAt = this.#blocks.ready > 0 ? this.#tools.clock.monotonic() + FLUSH_INTERVAL_MS : Infinity;
    return chunk;
  }

  /** Sends all requests that are due. */
  #pump(): void {
    const { clock, linkModel } = this.#tools;
    const now = clock.monotonic();
    if (!this.#stopReason && this.#isGroupDue(now)) this.#file.together(() => this.#sendGroup(now));
    this.#summary.report(now, this.#inFlight.size, linkModel.roundTrip);
    const groupAt = this.#sentAt + MAX_GROUP_WAIT_MS;
    if (linkModel.group > 1 && groupAt > now) this.#timer.set(groupAt);
    this.#timer.set(Math.min(this.#silentAt, this.#expiredAt, this.#probeAt, this.#summary.dueAt));
    if (this.#flushAt > now) this.#timer.set(this.#flushAt);
  }

  /** New requests leave in groups, unless others are in flight for too short a time to wait for. */
  #isGroupDue(now: number): boolean {
    const { window, group } = this.#tools.linkModel;
    const isWhole = window - this.#inFlight.size >= group;
    return isWhole || this.#toResend.length > 0 || now >= this.#sentAt + MAX_GROUP_WAIT_MS;
  }

  #sendGroup(now: number): void {
    const { linkModel, pacer } = this.#tools;
    while (this.#inFlight.size < linkModel.window) {
      const wait = Math.max(pacer.wait(now), linkModel.wait(now));
      if (wait > 0) this.#timer.set(now + wait);
      const block = wait > 0 ? undefined : this.#nextBlock();
      if (!block) break;
      this.#send(block, now);
    }
  }

  #nextBlock(): Block | undefined {
    const { blockSize } = this.#tools;
    for (let block = this.#toResend.shift(); block; block = this.#toResend.shift()) {
      if (block.data) continue;
      const rest = this.#blocks.split(block, blockSize.size);
      if (rest) this.#toResend.unshift(rest);
      return block;
    }
    return this.#blocks.grow(blockSize.next());
  }

  #send(block: Block, now: number): void {
    this.#tools.pacer.asked(block.size, now);
    this.#tools.linkModel.sent(now);
    this.#quietSince ??= now;
    this.#sentAt = now;
    const transmission = this.#inFlight.add(block, now);
    const asked = block.size;
    const posted = this.#file.postRead(block.offset, asked, reply => {
      if (reply instanceof Uint8Array) this.#receive(transmission, reply, asked);
      else this.#refused(reply);
    });
    this.#blocks.attempted(block, posted);
  }

  #receive(transmission: Transmission, data: Uint8Array, asked: number): void {
    const now = this.#tools.clock.monotonic();
    if (data.length === 0) return this.#fail(changed(this.#span.path));
    this.#repliedAt = now;
    this.#probes = 0;
    if (++this.#repliesBetween >= MIN_REPLIES_BETWEEN) this.#refusals = 0;
    this.#measure(transmission, now);
    this.#summary.answered(data.length);
    this.#tools.blockSize.answered(asked, data.length);
    this.#fill(transmission.block, data, now);
    this.#giveUp(this.#inFlight.takeOvertaken(now, this.#tools.linkModel.maxWait));
    this.#quietSince = this.#inFlight.size > 0 ? now : undefined;
    if (this.#isDue() || this.#verdict) this.#notify();
    this.#pump();
  }

  #measure(transmission: Transmission, now: number): void {
    const { linkModel, blockSize } = this.#tools;
    if (transmission.lost) return linkModel.late(transmission, now);
    this.#inFlight.answered(transmission);
    const isFull = transmission.block.size >= blockSize.size;
    linkModel.answered(transmission, isFull, now, this.#inFlight.size, this.#inFlight.nextOrder);
  }

  #fill(block: Block, data: Uint8Array, now: number): void {
    const rest = this.#blocks.fill(block, data);
    if (rest) this.#toResend.push(rest);
    if (this.#blocks.ready > 0) this.#flushAt = Math.min(this.#flushAt, now + FLUSH_INTERVAL_MS);
  }

  /** PX4 may hide the end of the file behind an old errno: only a single request finds the cause. */
  #refused(nak: FtpNak): void {
    if (!this.#stopReason && !this.#failure)
      this.#tools.logger.log('debug', `FTP NAK READ_FILE ${this.#span.path}: ${nak.reason}`);
    if (isNak(nak, FtpErrorCode.EOF)) this.#fail(changed(this.#span.path));
    else if (!this.#stopReason) this.#stop('refused');
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#notify();
  }

  #stop(reason: 'refused' | 'silent'): void {
    this.#stopReason = reason;
    this.#quietSince = undefined;
    this.#repliesBetween = 0;
    if (reason === 'refused') this.#refusals++;
    else {
      this.#summary.lost(this.#inFlight.size);
      this.#tools.linkModel.silent(this.#inFlight.size);
    }
    this.#toResend = [...this.#inFlight.takeAll().map(({ block }) => block), ...this.#toResend];
    this.#notify();
  }

  #giveUp(lost: readonly Transmission[]): void {
    this.#summary.lost(lost.length);
    for (const { block } of lost) {
      this.#tools.linkModel.lost();
      if (!block.data) this.#toResend.push(block);
    }
  }

  /** Monotonic ms at which the link counts as silent, without a reply until then. */
  get #silentAt(): number {
    const silence = Math.max(MIN_SILENCE_MS, TIMEOUT_FACTOR * this.#tools.linkModel.timeout);
    return (this.#quietSince ?? Infinity) + silence;
  }

  /** Monotonic ms at which the oldest request is given up. */
  get #expiredAt(): number {
    return (this.#inFlight.oldest?.sentAt ?? Infinity) + TIMEOUT_FACTOR * this.#tools.linkModel.timeout;
  }

  /** Monotonic ms at which a probe is sent, without a reply until then: no faster than the link. */
  get #probeAt(): number {
    const { expected, interval } = this.#tools.linkModel;
    const overdue = this.#inFlight.at(Math.floor(this.#probes / PROBES_PER_REQUEST));
    if (!overdue || this.#probes === MAX_PROBES) return Infinity;
    const last = Math.max(this.#repliedAt, this.#probedAt, overdue.sentAt + expected - MIN_PROBE_DELAY_MS);
    return Math.max(
      last + MIN_PROBE_DELAY_MS,
      overdue.sentAt + MIN_PROBE_DELAY_MS,
      this.#probedAt + interval,
    );
  }

  #onTimer(): void {
    const { clock, linkModel } = this.#tools;
    const now = clock.monotonic();
    if (now >= this.#silentAt) this.#stop('silent');
    else this.#giveUp(this.#inFlight.takeExpired(now, TIMEOUT_FACTOR * linkModel.timeout));
    if (!this.#stopReason && now >= this.#probeAt) this.#probe(now);
    if (this.#isDue()) this.#notify();
    this.#pump();
  }

  /** The reply to the probe overtakes the lost ones. */
  #probe(now: number): void {
    this.#probedAt = now;
    this.#probes++;
    const block = this.#nextBlock() ?? this.#inFlight.oldest?.block;
    if (block) this.#send(block, now);
  }

  /** Sends a single request. It waits for a vehicle that is offline for a moment, and fails with the reason after that. */
  async #recover(): Promise<void> {
    const { clock, linkModel } = this.#tools;
    const block = this.#blocks.firstMissing;
    if (block) {
      const data = await readWithFallback(this.#file, block, this.#tools, this.#signal);
      if (data.length === 0) throw changed(this.#span.path);
      this.#fill(block, data, clock.monotonic());
    }
    this.#repliedAt = clock.monotonic();
    linkModel.resume(this.#repliedAt, this.#inFlight.nextOrder);
    this.#stopReason = undefined;
  }
}
