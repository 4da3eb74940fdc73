import { Subject, type Observable, type Subscription } from 'rxjs';
import type { ErrorKind, FileSyncError } from '../errors.js';
import type { DeviceStatus } from '../engine/devices.js';
import type { EndState } from '../engine/steps.js';
import type { Scan, ScanFailure } from '../record/scan.js';

/** How well the files of a source are known now. */
export interface SourceNow {
  readonly name: string;
  readonly available: boolean;
  /** An available vehicle reports that it is armed. */
  readonly armed: boolean;
  readonly reason: string;
  /** Monotonic ms since which it has been available or offline, armed or disarmed. */
  readonly since: number;
  /** It has been available in this run of the program. */
  readonly seen: boolean;
  /**
   * All of it was listed since it was last connected and since its vehicle was last disarmed; of a source that is offline: before
   * it went offline.
   */
  readonly listed: boolean;
  /** It went offline while its vehicle was armed. */
  readonly leftArmed: boolean;
  /** Files that may still be growing: they are no records yet. */
  readonly growing: number;
  /** Why it, or a part of it, could not be listed when that was last attempted; empty otherwise. */
  readonly problem: string;
  /** Another attempt can help, and is made. */
  readonly passes?: boolean;
}

export interface WatchedParts {
  readonly devices: Observable<readonly DeviceStatus[]>;
  readonly scans: Observable<Scan>;
  readonly failures: Observable<ScanFailure>;
}

type Problem = Required<Pick<SourceNow, 'problem' | 'passes'>>;

/** Failures of a link or of a busy device, after which a listing often succeeds. */
const PASSING: ReadonlySet<ErrorKind> = new Set(['unavailable', 'timeout', 'busy', 'io', 'changed']);
const NONE: Problem = { problem: '', passes: false };
const OTHER_AND_EMPTY: Problem = {
  problem:
    'it is empty, and not the medium that was there before: if its drive is not mounted, mount it; ' +
    'a new medium is taken for one as soon as it holds a file',
  passes: true,
};

interface Watched {
  readonly end: EndState;
  readonly seen: boolean;
  /** When it went offline last; undefined while it never has. */
  readonly left?: 'armed' | 'listed' | 'unlisted';
}

/** Knows of each source whether a listing shows all that it holds. */
export class SourceWatch {
  readonly changes = new Subject<void>();
  readonly #sources = new Map<string, Watched>();
  readonly #growing = new Map<string, number>();
  readonly #problems = new Map<string, Problem>();
  /** Monotonic ms at which the last complete listing began. */
  readonly #complete = new Map<string, number>();
  readonly #watching: Subscription;

  constructor({ devices, scans, failures }: WatchedParts) {
    this.#watching = devices.subscribe(all => this.#update(all));
    this.#watching.add(scans.subscribe(scan => this.#scanned(scan)));
    this.#watching.add(
      failures.subscribe(({ device, error }) => this.#noteProblem(device, problemOf(error))),
    );
  }

  close(): void {
    this.#watching.unsubscribe();
  }

  /** In the configuration's order. */
  now(): SourceNow[] {
    return [...this.#sources].map(([name, { end, seen, left }]) => {
      const { available, armed, reason, since } = end;
      const listed = available ? !armed && this.#isListed(name, end) : left === 'listed';
      return {
        ...{ name, available, armed, reason, since, seen, listed },
        leftArmed: !available && left === 'armed',
        growing: this.#growing.get(name) ?? 0,
        ...this.#problemWith(name),
      };
    });
  }

  #update(devices: readonly DeviceStatus[]): void {
    const before = new Map(this.#sources);
    this.#sources.clear();
    for (const { name, source } of devices) {
      if (!source) continue;
      const known = before.get(name);
      if (source.available && known?.end.available === false) this.#problems.delete(name);
      this.#sources.set(name, this.#after(name, known, source));
    }
  }

  #after(name: string, before: Watched | undefined, end: EndState): Watched {
    const seen = end.available || (before?.seen ?? false);
    const isLeaving = before?.end.available === true && !end.available;
    const left = isLeaving ? this.#leaving(name, before.end) : before?.left;
    return { end, seen, ...(left && { left }) };
  }

  #leaving(name: string, end: EndState): NonNullable<Watched['left']> {
    if (end.armed) return 'armed';
    const growing = this.#growing.get(name) ?? 0;
    return growing === 0 && this.#isListed(name, end) ? 'listed' : 'unlisted';
  }

  #isListed(name: string, { since, quietUntil = since }: EndState): boolean {
    if (this.#problemWith(name).problem !== '') return false;
    return (this.#complete.get(name) ?? -Infinity) >= Math.max(since, quietUntil);
  }

  #problemWith(name: string): Problem {
    return this.#problems.get(name) ?? NONE;
  }

  #scanned({ device, began, complete, growing, error, otherAndEmpty }: Scan): void {
    this.#growing.set(device, growing.length);
    if (complete) this.#complete.set(device, began);
    this.#noteProblem(device, error ? problemOf(error) : otherAndEmpty ? OTHER_AND_EMPTY : NONE);
  }

  #noteProblem(device: string, problem: Problem): void {
    this.#problems.set(device, problem);
    this.changes.next();
  }
}

const problemOf = ({ message, kind }: FileSyncError): Problem => ({
  problem: message,
  passes: PASSING.has(kind),
});
