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

  /** Whether the time of the file with this line is known; undefined is a known answer, too. */
  has(path: string, line: string): boolean {
    return this.#known.get(path)?.line === line;
  }

  /** The time that is known for the path; it stays known until a whole listing does not have it. */
  get(path: string, round: number): number | undefined {
    const known = this.#known.get(path);
    if (known) known.round = round;
    return known?.time;
  }

  set(path: string, line: string, round: number, time: number | undefined): void {
    this.#known.set(path, { line, time, round });
  }

  /** After the whole listing: forgets the files that were not in it. */
  end(round: number): void {
    for (const [path, known] of this.#known) if (known.round < round) this.#known.delete(path);
  }

  forget(path: string): void {
    this.#known.delete(path);
  }
}
