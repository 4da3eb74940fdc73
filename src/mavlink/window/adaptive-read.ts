import type { ByteStream, Clock, LinkMeasure, Logger } from '../../ports.js';
import type { ReadStrategy, Span } from '../read-strategy.js';
import { changed, type RemoteFile } from '../remote-file.js';
import { BlockSize } from './block-size.js';
import { BurstRead } from './burst-read.js';
import { readWithFallback, type FallbackTools } from './fallback.js';
import { Pacer } from '../../congestion/pacer.js';
import { LinkModel, type WindowLimits } from '../../congestion/link-model.js';
import { WindowRead } from './window-read.js';

/** Bytes after which the rate of bursts is known. */
const TRIAL_BYTES = 128 * 1024;

type ReadMethod = 'window' | 'burst' | 'single';

export interface AdaptiveReadOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: WindowLimits;
  /** Called at most once a second for each read, and at its end. */
  readonly measured?: ((measure: LinkMeasure) => void) | undefined;
}

/** How far a method has read, and whether the vehicle refused it. */
interface ReadPart {
  readonly at: number;
  readonly refused: boolean;
}

/**
 * Reads as fast as the link and the vehicle support: with a window of requests; by bursts where the window is refused or
 * not worthwhile; with one request at a time where bursts are refused as well. Measurements are kept from one file to the
 * next.
 */
export class AdaptiveRead implements ReadStrategy {
  readonly #options: AdaptiveReadOptions;
  readonly #linkModel: LinkModel;
  readonly #blockSize = new BlockSize();
  readonly #pacer: Pacer;
  /** Bytes a ms of the methods that were measured; 0: refused. */
  readonly #rates = new Map<ReadMethod, number>();
  #method: ReadMethod = 'window';
  /** Every possible method has been measured, and the fastest is in use. */
  #chosen = false;

  constructor(options: AdaptiveReadOptions) {
    this.#options = options;
    this.#linkModel = new LinkModel(options.limits);
    this.#pacer = new Pacer(options.limits.rate);
  }

  async *read(file: RemoteFile, span: Span, signal: AbortSignal): ByteStream {
    const { clock } = this.#options;
    for (let at = span.offset; at < span.end;) {
      const since = clock.monotonic();
      const stretch = yield* this.#readPart(file, { ...span, offset: at }, signal);
      const rate = stretch.refused ? 0 : (stretch.at - at) / Math.max(1, clock.monotonic() - since);
      at = stretch.at;
      if (at < span.end) this.#reconsider(rate);
    }
  }

  #readPart(file: RemoteFile, span: Span, signal: AbortSignal): AsyncGenerator<Uint8Array, ReadPart> {
    if (this.#method === 'window') return this.#byWindow(file, span, signal);
    return this.#method === 'burst' ? this.#byBursts(file, span, signal) : this.#oneByOne(file, span, signal);
  }

  async *#byWindow(file: RemoteFile, span: Span, signal: AbortSignal): AsyncGenerator<Uint8Array, ReadPart> {
    const tools = {
      ...this.#fallbackTools,
      linkModel: this.#linkModel,
      pacer: this.#pacer,
      only: this.#chosen,
      measured: this.#options.measured,
    };
    const reading = new WindowRead(file, span, tools, signal);
    const refused = (yield* reading.run()) === 'refused';
    return { at: reading.at, refused };
  }

  async *#byBursts(file: RemoteFile, span: Span, signal: AbortSignal): AsyncGenerator<Uint8Array, ReadPart> {
    const reading = new BurstRead(file, span, this.#fallbackTools, signal);
    const refused = (yield* reading.run(this.#chosen ? Infinity : TRIAL_BYTES)) === 'refused';
    return { at: reading.at, refused };
  }

  async *#oneByOne(file: RemoteFile, span: Span, signal: AbortSignal): AsyncGenerator<Uint8Array, ReadPart> {
    const { clock } = this.#options;
    for (let offset = span.offset; offset < span.end;) {
      const wait = this.#pacer.wait(clock.monotonic());
      if (wait > 0) await clock.sleep(wait, signal);
      const size = Math.min(this.#blockSize.next(), span.end - offset);
      this.#pacer.asked(size, clock.monotonic());
      const data = await readWithFallback(file, { offset, size }, this.#fallbackTools, signal);
      if (data.length === 0) throw changed(span.path);
      offset += data.length;
      yield data;
    }
    return { at: span.end, refused: false };
  }

  get #fallbackTools(): FallbackTools {
    const { clock, logger } = this.#options;
    return { clock, logger, blockSize: this.#blockSize };
  }

  /** The method stopped before the end of the file. Bursts have no limit of the rate, and are not used where one is set. */
  #reconsider(rate: number): void {
    if (this.#chosen) this.#rates.clear();
    this.#rates.set(this.#method, rate);
    this.#chosen = this.#method === 'burst' || this.#options.limits.rate < Infinity;
    this.#method = this.#chosen ? this.#best() : 'burst';
    if (this.#chosen)
      this.#options.logger.log('info', `${METHOD_MESSAGES[this.#method]}, as measured on this link`);
  }

  #best(): ReadMethod {
    const { window = 0, burst = 0 } = Object.fromEntries(this.#rates);
    if (window === 0 && burst === 0) return 'single';
    return burst > window ? 'burst' : 'window';
  }
}

const METHOD_MESSAGES: Readonly<Record<ReadMethod, string>> = {
  window: 'files are read with many requests in flight',
  burst: 'files are read by bursts',
  single: 'files are read with one request at a time',
};
