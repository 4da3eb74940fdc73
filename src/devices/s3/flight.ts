/** Work that is in progress at once. The first failure interrupts the rest. */
export class Flight {
  readonly #most: number;
  readonly #abort = new AbortController();
  readonly #outer: AbortSignal;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /** @param signal interrupts all of it */
  constructor(most: number, signal: AbortSignal) {
    this.#most = most;
    this.#outer = signal;
    signal.addEventListener('abort', this.#interrupt);
  }

  /** Waits for a free place. Rejects with what has failed before. */
  async begin(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#most && !this.#failure) await Promise.race(this.#running);
    this.#throwFailure();
    const running = work(this.#abort.signal)
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#interrupt();
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** All of it is done. Rejects with what has failed. */
  async landed(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwFailure();
  }

  /** Interrupts what is in progress, and waits until none of it is. */
  async ended(): Promise<void> {
    this.#outer.removeEventListener('abort', this.#interrupt);
    this.#interrupt();
    await Promise.all(this.#running);
  }

  readonly #interrupt = (): void => this.#abort.abort();

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
