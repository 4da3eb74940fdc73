import type { Clock, SourceFile } from '../ports.js';

interface Observation {
  readonly size: number;
  readonly modified: number | undefined;
  /** Monotonic ms: when the first and the latest listing began that showed the file like this. */
  readonly since: number;
  readonly latest: number;
  /** Monotonic ms by which the first one had ended: it may have shown the file at its end. */
  readonly seen: number;
  /** It has changed, in this run of the program or after an earlier version of it was recorded too early. */
  readonly changed: boolean;
  readonly versions: number;
}

/** A path that has changed must stay unchanged for that many times `settle`, and twice that long for each further version. */
const CHANGED_FACTOR = 2;
const MAX_FACTOR = 48;
/** A timer may fire a little early. */
const TIMER_SLACK_MS = 2;

/** Remembers the files of one source in earlier listings, to distinguish finished files from growing ones. */
export class Sightings {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Observation>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `at`: when the listing began, monotonic ms. `versions`: how often this path was recorded before and changed afterwards. */
  observe({ path, size, modified }: SourceFile, at: number, versions: number): void {
    const known = this.#seen.get(path);
    const same = known && known.size === size && known.modified === modified;
    const changed = versions > 0 || (known !== undefined && (known.changed || !same));
    const first = same ? known : { since: at, seen: this.#clock.monotonic() };
    this.#seen.set(path, {
      ...{ size, modified, since: first.since, seen: first.seen, latest: at },
      ...{ changed, versions },
    });
  }

  /** A writer has the file open: the wait starts again. */
  hold(path: string, at: number): void {
    const known = this.#seen.get(path);
    const seen = this.#clock.monotonic();
    if (known) this.#seen.set(path, { ...known, since: at, latest: at, seen });
  }

  /**
   * ms until another listing can show that the file has settled; 0 if two listings, `settle` ms apart by our own clock from the
   * end of one to the beginning of the other, have shown it the same. The source's time of its last change can only lengthen the wait, because that clock may be wrong. Where
   * writers can be seen, a path that has changed waits no longer than others.
   */
  remaining({ path, modified }: SourceFile, settle: number, writersSeen = false): number {
    const known = this.#seen.get(path);
    if (!known) return settle;
    const needed = settle * (writersSeen ? 1 : factorOf(known));
    if ((needed === 0 || known.latest - known.seen >= needed) && this.#untouchedFor(modified) >= settle)
      return 0;
    const now = this.#clock.monotonic();
    const rest = Math.max(known.seen + needed - now, settle - this.#untouchedFor(modified), 0);
    return Math.ceil(rest) + TIMER_SLACK_MS;
  }

  /** Monotonic ms: when the first listing began that showed the file as it is. */
  since(path: string): number | undefined {
    return this.#seen.get(path)?.since;
  }

  /** Drops the paths that are not listed any more. */
  keepOnly(paths: ReadonlySet<string>): void {
    for (const path of this.#seen.keys()) if (!paths.has(path)) this.#seen.delete(path);
  }

  drop(path: string): void {
    this.#seen.delete(path);
  }

  /** ms since the source's time of the last change; Infinity if that is unknown or in the future. */
  #untouchedFor(modified: number | undefined): number {
    const age = modified === undefined ? Infinity : this.#clock.now() - modified;
    return age < 0 ? Infinity : age;
  }
}

const factorOf = ({ changed, versions }: Observation): number =>
  changed ? Math.min(MAX_FACTOR, CHANGED_FACTOR * 2 ** Math.max(0, versions - 1)) : 1;

/** What is known of one source in this run of the program. */
export interface SourceMemory {
  readonly sightings: Sightings;
  /** Monotonic ms of the last full scan, as long as it is valid. */
  scannedFully: number;
  /** Monotonic ms of the first full scan ever, until all its files are in the database. */
  firstScan: number | undefined;
  /** The source may have another medium than that of the records. */
  suspect: boolean;
  volume?: string | undefined;
  growing: readonly string[];
  /** Processes that write to its files can be seen. */
  writersSeen: boolean;
  /** The last message about a part that cannot be listed. */
  reported: string;
}

export const newMemory = (clock: Clock): SourceMemory => ({
  ...{ sightings: new Sightings(clock), scannedFully: -Infinity, firstScan: undefined, suspect: true },
  ...{ growing: [], writersSeen: false, reported: '' },
});
