import type { LinkMeasure, Logger } from '../../ports.js';

/** ms from one line to the next. */
const SUMMARY_INTERVAL_MS = 1_000;

/** Logs and reports the state of a read with many requests in flight, once a second. */
export class ReadSummary {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #measured: ((measure: LinkMeasure) => void) | undefined;
  #since: number;
  #bytes = 0;
  #answered = 0;
  #lost = 0;

  /** `now`: monotonic ms. */
  constructor(path: string, logger: Logger, now: number, measured?: (measure: LinkMeasure) => void) {
    this.#path = path;
    this.#logger = logger;
    this.#measured = measured;
    this.#since = now;
  }

  /** Monotonic ms at which the next line is due. */
  get dueAt(): number {
    return this.#since + SUMMARY_INTERVAL_MS;
  }

  answered(bytes: number): void {
    this.#answered++;
    this.#bytes += bytes;
  }

  /** So many requests were given up. */
  lost(requests: number): void {
    this.#lost += requests;
  }

  /** `roundTrip`: ms, the mean. Does nothing before the line is due. */
  report(now: number, inFlight: number, roundTrip: number): void {
    if (now < this.dueAt) return;
    const loss = (100 * this.#lost) / Math.max(1, this.#answered + this.#lost);
    const rate = this.#bytes / (now - this.#since);
    this.#logger.log(
      'debug',
      `FTP read ${this.#path}: ${inFlight} in flight, RTT ${roundTrip.toFixed(1)} ms, loss ${loss.toFixed(1)} %, rate ${rate.toFixed(1)} kB/s`,
    );
    this.#since = now;
    this.end(roundTrip);
  }

  /** Reports what was not reported yet. */
  end(roundTripMs: number): void {
    const [answered, lost] = [this.#answered, this.#lost];
    if (answered + lost > 0) this.#measured?.({ answered, lost, roundTripMs });
    this.#bytes = this.#answered = this.#lost = 0;
  }
}
