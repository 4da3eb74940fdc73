import { throwIfAborted } from '../../errors.js';
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

/** Bytes that the reader gets at once, where there are so many. */
export const CHUNK_BYTES = 16 * 1024;
/** ms after which the reader gets less. */
const FLUSH_INTERVAL_MS = 50;
/** ms of silence before a request is sent to provoke a reply, and from one to the next, at least (RFC 8985, section 7.2). */
const SOONEST_PROBE = 10;
/** Such requests for each that is overdue, and in one silence: a run of losses ends only when enough was sent. */
const PROBES_EACH = 2;
const MOST_PROBES = 12;
/** ms of silence after which one request alone finds out what is the matter, at least. */
const MIN_SILENCE_MS = 1_000;
/** Times the timeout that a request, or silence, may take: to be overtaken is the quicker sign. */
const TIMEOUT_FACTOR = 2;
/** Refusals in a row after which reads in flight count as refused, and replies that end such a row. */
const MAX_REFUSALS = 3;
const REPLIES_BETWEEN = 8;

/** How it ended: all was read, or a window of requests is not the way to read from this vehicle. */
export type WindowOutcome = 'done' | 'refused' | 'notWorthwhile';

export interface WindowTools extends FallbackTools {
  readonly linkModel: LinkModel;
  readonly pacer: Pacer;
  /** There is no other way to try: go on with the window whatever it brings. */
  readonly only: boolean;
}

/**
 * Reads a span with many requests in flight, each lost one asked again by itself. A request is made anew each time, with
 * a number of its own: reading twice does no harm, a vehicle's kept reply to another request is never taken for it, and
 * each reply tells which request it answers. Whatever is not plain data stops the window; one request alone then finds
 * out what is the matter (the session is opened anew, the vehicle is away, the file ends), and the window goes on.
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
  /** To be asked again, before anything new. */
  #again: Block[] = [];
  #trouble: 'refused' | 'silent' | undefined;
  #failure: Error | undefined;
  #refusals = 0;
  #repliesBetween = 0;
  /** Monotonic ms of the latest request that was to provoke a reply. */
  #probedAt = -Infinity;
  /** Of those since the latest reply. */
  #probes = 0;
  /** Monotonic ms of the latest reply. */
  #heard = -Infinity;
  /** Monotonic ms from which on nothing has been answered of what was asked; undefined if nothing is. */
  #quietSince: number | undefined;
  /** Monotonic ms at which the reader gets what there is. */
  #flushAt = Infinity;
  #wake: () => void = () => undefined;

  constructor(file: RemoteFile, span: Span, tools: WindowTools, signal: AbortSignal) {
    this.#file = file;
    this.#span = span;
    this.#tools = tools;
    this.#signal = signal;
    this.#blocks = new Blocks(span);
    this.#timer = new Timer(tools.clock, () => this.#rung());
    this.#summary = new ReadSummary(span.path, tools.logger, tools.clock.monotonic());
  }

  /** Where the reader is. */
  get at(): number {
    return this.#blocks.head;
  }

  async *run(): AsyncGenerator<Uint8Array, WindowOutcome> {
    const { clock, linkModel } = this.#tools;
    const wake = () => this.#wake();
    for (const signal of this.#ends) signal.addEventListener('abort', wake);
    try {
      linkModel.restart(clock.monotonic(), this.#inFlight.nextOrder);
      return yield* this.#flow();
    } finally {
      for (const signal of this.#ends) signal.removeEventListener('abort', wake);
      this.#timer.cancel();
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
      } else if (this.#trouble) {
        await this.#settle();
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

  /** Resolves when the reader can have something or something is the matter. */
  async #event(): Promise<void> {
    await new Promise<void>(resolve => {
      this.#wake = resolve;
    });
    this.#wake = () => undefined;
  }

  #isDue(): boolean {
    const { ready, complete } = this.#blocks;
    if (ready === 0) return false;
    const isOver = complete || this.#trouble !== undefined || this.#verdict !== undefined;
    return isOver || ready >= CHUNK_BYTES || this.#tools.clock.monotonic() >= this.#flushAt;
  }

  #take(): Uint8Array {
    const chunk = this.#blocks.take(CHUNK_BYTES);
    this.#flushAt = this.#blocks.ready > 0 ? this.#tools.clock.monotonic() + FLUSH_INTERVAL_MS : Infinity;
    return chunk;
  }

  /** Sends as much as may be sent now. */
  #pump(): void {
    const { clock, linkModel, pacer } = this.#tools;
    const now = clock.monotonic();
    while (!this.#trouble && this.#inFlight.size < linkModel.window) {
      const wait = Math.max(pacer.wait(now), linkModel.wait(now));
      if (wait > 0) this.#timer.set(now + wait);
      const block = wait > 0 ? undefined : this.#nextBlock();
      if (!block) break;
      this.#send(block, now);
    }
    this.#summary.report(now, this.#inFlight.size, linkModel.roundTrip);
    this.#timer.set(Math.min(this.#silentAt, this.#expiredAt, this.#probeAt, this.#summary.dueAt));
    if (this.#flushAt > now) this.#timer.set(this.#flushAt);
  }

  #nextBlock(): Block | undefined {
    const { blockSize } = this.#tools;
    for (let block = this.#again.shift(); block; block = this.#again.shift()) {
      if (block.data) continue;
      const rest = this.#blocks.split(block, blockSize.size);
      if (rest) this.#again.unshift(rest);
      return block;
    }
    return this.#blocks.grow(blockSize.next());
  }

  #send(block: Block, now: number): void {
    this.#tools.pacer.asked(block.size, now);
    this.#tools.linkModel.sent(now);
    this.#quietSince ??= now;
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
    this.#heard = now;
    this.#probes = 0;
    if (++this.#repliesBetween >= REPLIES_BETWEEN) this.#refusals = 0;
    this.#measure(transmission, now);
    this.#summary.answered(data.length);
    this.#tools.blockSize.answered(asked, data.length);
    this.#fill(transmission.block, data, now);
    this.#giveUp(this.#inFlight.takeOvertaken(now, this.#tools.linkModel.maxWait));
    this.#quietSince = this.#inFlight.size > 0 ? now : undefined;
    if (this.#isDue() || this.#verdict) this.#wake();
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
    if (rest) this.#again.push(rest);
    if (this.#blocks.ready > 0) this.#flushAt = Math.min(this.#flushAt, now + FLUSH_INTERVAL_MS);
  }

  /** PX4 may hide the end of the file behind an old errno: only one request alone tells what it is. */
  #refused(nak: FtpNak): void {
    if (!this.#trouble && !this.#failure)
      this.#tools.logger.log('debug', `FTP NAK READ_FILE ${this.#span.path}: ${nak.reason}`);
    if (isNak(nak, FtpErrorCode.EOF)) this.#fail(changed(this.#span.path));
    else if (!this.#trouble) this.#stop('refused');
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  #stop(trouble: 'refused' | 'silent'): void {
    this.#trouble = trouble;
    this.#quietSince = undefined;
    this.#repliesBetween = 0;
    if (trouble === 'refused') this.#refusals++;
    else this.#tools.linkModel.silent(this.#inFlight.size);
    this.#again = [...this.#inFlight.takeAll().map(({ block }) => block), ...this.#again];
    this.#wake();
  }

  #giveUp(lost: readonly Transmission[]): void {
    this.#summary.lost(lost.length);
    for (const { block } of lost) {
      this.#tools.linkModel.lost();
      if (!block.data) this.#again.push(block);
    }
  }

  /** Monotonic ms at which the link counts as silent if nothing is answered until then. */
  get #silentAt(): number {
    const silence = Math.max(MIN_SILENCE_MS, TIMEOUT_FACTOR * this.#tools.linkModel.timeout);
    return (this.#quietSince ?? Infinity) + silence;
  }

  /** Monotonic ms at which the oldest request is given up. */
  get #expiredAt(): number {
    return (this.#inFlight.oldest?.sentAt ?? Infinity) + TIMEOUT_FACTOR * this.#tools.linkModel.timeout;
  }

  /** Monotonic ms at which a request is sent to provoke a reply, if there is none until then: no faster than the link is. */
  get #probeAt(): number {
    const { expected, interval } = this.#tools.linkModel;
    const overdue = this.#inFlight.at(Math.floor(this.#probes / PROBES_EACH));
    if (!overdue || this.#probes === MOST_PROBES) return Infinity;
    const last = Math.max(this.#heard, this.#probedAt, overdue.sentAt + expected - SOONEST_PROBE);
    return Math.max(last + SOONEST_PROBE, overdue.sentAt + SOONEST_PROBE, this.#probedAt + interval);
  }

  #rung(): void {
    const { clock, linkModel } = this.#tools;
    const now = clock.monotonic();
    if (now >= this.#silentAt) this.#stop('silent');
    else this.#giveUp(this.#inFlight.takeExpired(now, TIMEOUT_FACTOR * linkModel.timeout));
    if (!this.#trouble && now >= this.#probeAt) this.#probe(now);
    if (this.#isDue()) this.#wake();
    this.#pump();
  }

  /** Its reply overtakes those that were lost. */
  #probe(now: number): void {
    this.#probedAt = now;
    this.#probes++;
    const block = this.#nextBlock() ?? this.#inFlight.oldest?.block;
    if (block) this.#send(block, now);
  }

  /** One request alone. It waits for a vehicle that is away for a moment, and fails with the reason for one that stays so. */
  async #settle(): Promise<void> {
    const { clock, linkModel } = this.#tools;
    const block = this.#blocks.firstMissing;
    if (block) {
      const data = await readWithFallback(this.#file, block, this.#tools, this.#signal);
      if (data.length === 0) throw changed(this.#span.path);
      this.#fill(block, data, clock.monotonic());
    }
    this.#heard = clock.monotonic();
    linkModel.resume(this.#heard, this.#inFlight.nextOrder);
    this.#trouble = undefined;
  }
}
