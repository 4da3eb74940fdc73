import type { Clock, SourceFile } from '../ports.js';

interface Sighting {
  readonly size: number;
  readonly modified: number | undefined;
  /** Monotonic ms of the first listing that showed the file like this. */
  readonly since: number;
}

/** Remembers how files looked in earlier listings, to tell the finished from the growing. */
export class Settling {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Sighting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * ms until the file, if it stays as it is, has not changed for `settle` ms; 0 if it has settled. A time of change
   * that the source tells counts if it lies in the past; otherwise only what we have seen ourselves does.
   */
  remaining(file: SourceFile, settle: number): number {
    const now = this.#clock.monotonic();
    const known = this.#seen.get(file.path);
    const same = known && known.size === file.size && known.modified === file.modified;
    const sighting = same ? known : { size: file.size, modified: file.modified, since: now };
    this.#seen.set(file.path, sighting);
    return Math.max(0, settle - Math.max(now - sighting.since, this.#unchangedFor(file)));
  }

  /** Drops what is not listed any more. */
  keepOnly(paths: ReadonlySet<string>): void {
    for (const path of this.#seen.keys()) if (!paths.has(path)) this.#seen.delete(path);
  }

  drop(path: string): void {
    this.#seen.delete(path);
  }

  #unchangedFor(file: SourceFile): number {
    return file.modified === undefined ? 0 : this.#clock.now() - file.modified;
  }
}
