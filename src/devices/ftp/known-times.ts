interface Known {
  readonly line: string;
  readonly time: number | undefined;
  round: number;
}

/**
 * Times of files that had to be asked for one by one, kept while a file's line in the listing stays as it was and as
 * long as the file is listed.
 */
export class KnownTimes {
  readonly #known = new Map<string, Known>();
  #round = 0;

  /** Begins a listing; its number is given to `get` and `end`. */
  begin(): number {
    return ++this.#round;
  }

  async get(
    path: string,
    line: string,
    round: number,
    ask: () => Promise<number | undefined>,
  ): Promise<number | undefined> {
    const known = this.#known.get(path);
    if (known?.line === line) {
      known.round = round;
      return known.time;
    }
    const time = await ask();
    this.#known.set(path, { line, time, round });
    return time;
  }

  /** After the whole listing: what was not in it is gone. */
  end(round: number): void {
    for (const [path, known] of this.#known) if (known.round < round) this.#known.delete(path);
  }

  forget(path: string): void {
    this.#known.delete(path);
  }
}
