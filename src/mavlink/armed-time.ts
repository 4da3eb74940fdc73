import type { Clock } from '../ports.js';

/** ms after which an armed vehicle may have been forgotten: no flight of a small drone lasts longer. */
const ARMED_LONG_MS = 3_600_000;

const REMEDY =
  'disarm it, or set while_armed of its rules (upload-only delivers meanwhile, continue fetches as well)';

/** Since when a vehicle has been armed, and the message about that. */
export class ArmedTime {
  readonly #clock: Clock;
  /** Wall and monotonic ms of the arming; undefined: it is disarmed. */
  #since: { readonly at: number; readonly up: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get armed(): boolean {
    return this.#since !== undefined;
  }

  set(armed: boolean): void {
    if (!armed) this.#since = undefined;
    else this.#since ??= { at: this.#clock.now(), up: this.#clock.monotonic() };
  }

  /** The end of the sentence for a vehicle that is online; empty as long as that is ordinary. */
  get whileOnline(): string {
    const since = this.#since;
    if (!since || this.#clock.monotonic() - since.up < ARMED_LONG_MS) return '';
    return `, armed since ${timeOf(since.at)}: ${REMEDY}`;
  }

  /** The same for one that is offline: switched off while armed, it counts as armed until it is heard again. */
  get whileOffline(): string {
    if (!this.#since) return '';
    return `; it counts as armed since ${timeOf(this.#since.at)}, since that was its last word: switch it on, or set while_armed of its rules`;
  }
}

/** To the minute: a reason that changed all the time would be news all the time. */
const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
