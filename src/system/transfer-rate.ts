/** A rate is known after this time. */
const MIN_MEASURED_MS = 2_000;

/** The rate of a transfer. Times are monotonic ms, positions bytes of the file. */
export class TransferRate {
  readonly #began: number;
  #from: number | undefined;
  #position = 0;

  constructor(began: number) {
    this.#began = began;
  }

  get position(): number {
    return this.#position;
  }

  progressed(position: number): void {
    this.#from ??= position;
    this.#position = position;
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
