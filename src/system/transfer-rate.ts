/** A rate is known after this time. */
const MIN_MEASURED_MS = 2_000;
/** The current rate is that of one to two such times. */
const WINDOW_MS = 5_000;

/** The rate of a transfer. Times are monotonic ms, positions bytes of the file. */
export class TransferRate {
  readonly #began: number;
  #from: number | undefined;
  #position = 0;
  /** The beginnings of the last two windows. */
  #window: readonly [Mark, Mark] | undefined;

  constructor(began: number) {
    this.#began = began;
  }

  get position(): number {
    return this.#position;
  }

  /** `now`: monotonic ms. */
  progressed(position: number, now: number): void {
    this.#from ??= position;
    this.#position = position;
    const newer = this.#window?.[1];
    if (newer && now - newer.at < WINDOW_MS) return;
    const mark = { position, at: now };
    this.#window = [newer ?? mark, mark];
  }

  /** Bytes per second in the last seconds; 0 while nothing has moved. */
  bytesPerSecond(now: number): number {
    const [from] = this.#window ?? [];
    const moved = from ? this.#position - from.position : 0;
    return from && moved > 0 && now > from.at ? (moved * 1000) / (now - from.at) : 0;
  }

  isKnown(now: number): boolean {
    return now - this.#began >= MIN_MEASURED_MS;
  }

  /** ms until all of `size` is transferred, at the rate so far; 0 while that is not known. */
  timeLeft(size: number, now: number): number {
    const moved = this.#position - (this.#from ?? this.#position);
    if (!this.isKnown(now) || moved <= 0) return 0;
    return ((size - this.#position) * (now - this.#began)) / moved;
  }
}

interface Mark {
  readonly position: number;
  /** Monotonic ms. */
  readonly at: number;
}
