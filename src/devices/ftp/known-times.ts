interface Known {
  readonly line: string;
  readonly time: number | undefined;
  round: number;
}

/**
 * A cache of times that need a command for each file. A time is valid while the file is listed with the same line.
 */
export class KnownTimes {
  readonly #known = new Map<string, Known>();
  #round = 0;

  /** Starts a listing and returns its number, for `get` and `end`. */
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

  /** After the whole listing: forgets the files that were not in it. */
  end(round: number): void {
    for (const [path, known] of this.#known) if (known.round < round) this.#known.delete(path);
  }

  forget(path: string): void {
    this.#known.delete(path);
  }
}
