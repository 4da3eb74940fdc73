import { VirtualClock } from '../fakes/virtual-clock.js';

/** Sleeps at one moment, after which the program goes in circles. */
const MAX_SLEEPS = 2_000;

/**
 * A clock that notices who sleeps again and again without any time passing. It wakes at whole milliseconds: a rest too small
 * for the sum of the times would never pass.
 */
export class WatchedClock extends VirtualClock {
  readonly #onCircle: () => void;
  #at = -1;
  #sleeps = 0;

  constructor(wall: number, onCircle: () => void) {
    super(wall);
    this.#onCircle = onCircle;
  }

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const now = Math.floor(this.monotonic());
    this.#sleeps = now === this.#at ? this.#sleeps + 1 : 0;
    this.#at = now;
    if (this.#sleeps > MAX_SLEEPS) {
      this.#onCircle();
      await new Promise(() => undefined);
    }
    await super.sleep(Math.ceil(ms), signal);
  }
}
